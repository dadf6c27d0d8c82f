//! Embeds the third-party files of the playground, from `playground/node_modules` or with `npm ci`. The build succeeds
//! without them.
//!
//! The script writes only to cargo's output folder and runs no script of a package. It embeds a file only if the file
//! has the hash that is pinned for it. If the files are not available, or if `ROOST_PLAYGROUND_CDN` is set, the program
//! contains the reason, and its page loads the files from a CDN.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use pinned::{PINNED, Pinned};
use sha2::{Digest, Sha384};

#[path = "src/server/playground/pinned.rs"]
mod pinned;

/// The environment variable that switches embedding off.
const CDN_VARIABLE: &str = "ROOST_PLAYGROUND_CDN";
/// The folder with the npm manifests.
const NPM_FOLDER: &str = "playground";
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/server/playground/pinned.rs");
    println!("cargo::rerun-if-env-changed={CDN_VARIABLE}");
    // The whole folder, because packages may be installed or removed there after a build.
    println!("cargo::rerun-if-changed={NPM_FOLDER}");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    let code = match embed(&out) {
        Ok(files) => format!("Ok([{}])", files.join(", ")),
        Err(reason) => {
            println!("cargo::warning=the playground will load GraphiQL from a CDN: {reason}");
            format!("Err({reason:?})")
        }
    };
    let kind = format!("Result<[&[u8]; {}], &str>", PINNED.len());
    let text = format!(
        "/// The pinned files, compressed with gzip, or why they are not embedded.\nconst EMBEDDED: {kind} = {code};\n"
    );
    Ok(fs::write(out.join("playground.rs"), text)?)
}

/// Writes the compressed files to `out` and returns the Rust expression that includes each, or the reason why not.
fn embed(out: &Path) -> Result<Vec<String>, String> {
    if env::var_os(CDN_VARIABLE).is_some_and(|value| !value.is_empty() && value != "0") {
        return Err(format!("{CDN_VARIABLE} is set"));
    }
    let installed = Path::new(NPM_FOLDER).join("node_modules");
    let (folder, fetched) = if PINNED.iter().all(|pinned| file_path(&installed, pinned).is_file()) {
        (installed, None)
    } else {
        let fetched = install(out)?;
        (fetched.join("node_modules"), Some(fetched))
    };
    let files =
        PINNED.iter().enumerate().map(|(number, pinned)| compress(&file_path(&folder, pinned), pinned, out, number));
    let files = files.collect();
    // The other files of the packages are not needed.
    if let Some(fetched) = fetched {
        remove(&fetched)?;
    }
    files
}

fn file_path(folder: &Path, pinned: &Pinned) -> PathBuf {
    folder.join(pinned.package).join(pinned.file)
}

/// Installs the packages of the lock file into a folder in `out`. npm checks the integrity hash of each package.
fn install(out: &Path) -> Result<PathBuf, String> {
    let folder = out.join(NPM_FOLDER);
    remove(&folder)?;
    let io_error = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(io_error)?;
    for manifest in MANIFESTS {
        fs::copy(Path::new(NPM_FOLDER).join(manifest), folder.join(manifest)).map_err(io_error)?;
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = Command::new(npm);
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]);
    // Limits the delay of a build whose network drops all packets.
    command.args(["--fetch-timeout=20000", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]);
    // Cargo parses the standard output of this script, so the output of npm must not go there.
    let ended = command.current_dir(&folder).stdin(Stdio::null()).output();
    match ended {
        Ok(output) if output.status.success() => Ok(folder),
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let first = errors.lines().find(|line| line.to_lowercase().starts_with("npm err")).unwrap_or_default();
            println!("cargo::warning={first}");
            remove(&folder)?;
            Err("`npm ci` failed when this program was built".to_owned())
        }
        Err(_) => {
            remove(&folder)?;
            Err("npm was not found when this program was built".to_owned())
        }
    }
}

fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if folder.exists() => Err(format!("{}: {error}", folder.display())),
        _ => Ok(()),
    }
}

/// Compresses one file into `out`, if it has the pinned hash.
fn compress(from: &Path, pinned: &Pinned, out: &Path, number: usize) -> Result<String, String> {
    let name = format!("{}@{}/{}", pinned.package, pinned.version, pinned.file);
    let bytes = fs::read(from).map_err(|error| format!("{name}: {error}"))?;
    if BASE64_STANDARD.encode(Sha384::digest(&bytes)) != pinned.sha384 {
        return Err(format!("{name} does not have the pinned hash"));
    }
    let write = || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        fs::write(out.join(format!("{number}.gz")), encoder.finish()?)
    };
    write().map_err(|error| format!("{name}: {error}"))?;
    Ok(format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{number}.gz\"))"))
}
