//! The page and the worker in the browser.
