//! From a wasm file as the compiler leaves it to what a browser or Node.js loads: the JavaScript beside it, and
//! for a release the work of wasm-opt. The result is kept until its input changes.

use crate::project::Project;
use crate::steps::run;
use anyhow::{Context, Result};
use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use wasm_bindgen_cli_support::Bindgen;

/// What is to be made of one binary.
pub struct Job<'a> {
    /// The binary's name: `web` makes web.js and web_bg.wasm.
    pub bin: &'a str,
    /// The compiler's output.
    pub wasm: PathBuf,
    /// For Node.js (CommonJS, loaded synchronously) and not for a browser.
    pub node: bool,
    /// wasm-opt's arguments; none leaves the file and its function names as they are.
    pub optimise: Option<&'a [String]>,
    /// Whether an optimised file keeps its function names.
    pub names: bool,
}

impl Job<'_> {
    /// Makes the files, or finds them made; returns their folder.
    pub fn run(&self, project: &Project) -> Result<PathBuf> {
        let input = fs::read(&self.wasm).with_context(|| format!("reading {}", self.wasm.display()))?;
        let stamp = self.stamp(&input)?;
        let kind = if self.node { "node" } else { "web" };
        let how = if self.optimise.is_some() { "release" } else { "dev" };
        let names = if self.names { "-names" } else { "" };
        let folder = project.target.join("bindgen").join(format!("{}-{kind}-{how}{names}", self.bin));
        let stamp_file = folder.with_extension("stamp");
        if fs::read_to_string(&stamp_file).is_ok_and(|made_from| made_from == stamp) {
            return Ok(folder);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
        }
        self.make(project, input, &folder)?;
        fs::write(&stamp_file, stamp).with_context(|| format!("writing {}", stamp_file.display()))?;
        Ok(folder)
    }

    fn make(&self, project: &Project, input: Vec<u8>, folder: &Path) -> Result<()> {
        let mut bindgen = Bindgen::new();
        bindgen
            .input_bytes(self.bin, input)
            .typescript(false)
            .remove_name_section(self.optimise.is_some() && !self.names);
        if self.node {
            bindgen.nodejs(true)?;
        } else {
            // A worker starts its module without saying where the wasm lies: beside it.
            bindgen.web(true)?.omit_default_module_path(false);
        }
        bindgen.generate(folder).with_context(|| format!("wasm-bindgen on {}", self.bin))?;
        if let Some(arguments) = self.optimise {
            self.optimise(project, folder, arguments)?;
        }
        Ok(())
    }

    fn optimise(&self, project: &Project, folder: &Path, arguments: &[String]) -> Result<()> {
        let wasm = folder.join(format!("{}_bg.wasm", self.bin));
        let mut command = project.command("node");
        command.arg("node_modules/binaryen/bin/wasm-opt").args(arguments);
        // Which WebAssembly features it may use it reads from the file, where rustc names those it used.
        command.args(self.names.then_some("-g")).arg("--strip-producers").arg(&wasm).arg("-o").arg(&wasm);
        run(&mut command)
    }

    /// Says what the output was made from, and by which build of this program. The hash guards against stale files,
    /// not against an adversary.
    fn stamp(&self, input: &[u8]) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        hasher.write(input);
        self.optimise.hash(&mut hasher);
        let program = fs::metadata(env::current_exe()?)?.modified()?;
        Ok(format!("{:016x} {program:?}", hasher.finish()))
    }
}
