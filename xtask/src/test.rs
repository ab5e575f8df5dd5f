//! stub
use crate::project::Project;
pub struct Options;
impl Options {
    pub fn read(_: &mut lexopt::Parser) -> anyhow::Result<Self> {
        Ok(Self)
    }
}
pub fn run(_: &Project, _: &Options) -> anyhow::Result<bool> {
    Ok(true)
}
