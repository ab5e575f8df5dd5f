// Before the first pixel: the theme that was chosen here before, else the system's.
{
  let theme = null;
  try {
    theme = JSON.parse(localStorage.getItem("terrarium-theme"));
  } catch {
    // Storage is refused or holds something else: the system decides.
  }
  const dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}
