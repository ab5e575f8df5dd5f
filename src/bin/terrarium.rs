//! The native command line; see [`kafka_terrarium::cli`].

use kafka_terrarium::cli::{self, Status};
use std::io::Write as _;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(our_fault));
    // Not locked: a gateway's other threads print too.
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    #[expect(clippy::disallowed_methods, reason = "this is the command line")]
    let arguments = std::env::args_os().skip(1);
    ExitCode::from(cli::main(arguments, &mut out, &mut err) as u8)
}

/// A panic is a fault of ours: one line that asks for a report, and an exit status of its own.
#[expect(clippy::disallowed_methods, reason = "nothing can be done after a panic but to end the program")]
fn our_fault(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
    let what = panic.payload_as_str().unwrap_or("an internal check failed").replace('\n', " ");
    let text = format!(
        "terrarium: a fault of our own{place}: {what}; please report it, with the script, the seed and the output of \
         `terrarium --version`"
    );
    let _ = writeln!(std::io::stderr(), "{text}");
    std::process::exit(i32::from(Status::OurFault as u8));
}
