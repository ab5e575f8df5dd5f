//! stub
pub fn run(_: &crate::project::Project) -> anyhow::Result<()> {
    Ok(())
}
