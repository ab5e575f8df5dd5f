//! One tab at a time saves a session: the tab that holds the browser's lock of that name.

use gloo::timers::future::TimeoutFuture;
use js_sys::{Function, Object, Promise, Reflect};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

const NAME: &str = "terrarium-session";
/// A page that is loaded again may begin before its former self has let go.
const TRIES: u32 = 12;
const PAUSE_MS: u32 = 80;

/// Takes the lock for as long as the worker lives. `false`: another tab has it. A browser without locks gives it to
/// everybody.
pub(super) async fn take() -> bool {
    let Some(locks) = manager() else { return true };
    for _ in 0..TRIES {
        match request(&locks).await {
            Ok(false) => TimeoutFuture::new(PAUSE_MS).await,
            Ok(true) | Err(_) => return true,
        }
    }
    false
}

fn manager() -> Option<JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).ok()?;
    Reflect::get(&navigator, &"locks".into()).ok().filter(JsValue::is_object)
}

/// Asks for the lock once. The lock is kept as long as the promise that the callback gives is open: for ever.
async fn request(locks: &JsValue) -> Result<bool, JsValue> {
    let granted = Rc::new(Cell::new(false));
    let asked = Promise::new(&mut |answer, _| {
        let granted = granted.clone();
        let callback = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            granted.set(!lock.is_null());
            // The one who waits for the answer exists as long as this callback.
            let _ = answer.call0(&JsValue::NULL);
            if granted.get() { Promise::new(&mut |_, _| {}).into() } else { JsValue::UNDEFINED }
        });
        let options = Object::new();
        let asked = Reflect::set(&options, &"ifAvailable".into(), &true.into())
            .and_then(|_| Reflect::get(locks, &"request".into()))
            .and_then(JsCast::dyn_into::<Function>)
            .and_then(|request| request.call3(locks, &NAME.into(), &options, &callback));
        if let Err(error) = asked {
            wasm_bindgen::throw_val(error);
        }
    });
    JsFuture::from(asked).await?;
    Ok(granted.get())
}
