//! Embeds the playground's files of others, from `playground/node_modules` or by `npm ci`; without them it builds all the same.
//!
//! Nothing is written outside of cargo's own folder, and no package's script is run. A file goes into the program only
//! if its bytes have the hash that the page names. Where the files cannot be had, or `ROOST_PLAYGROUND_CDN` is set, the
//! program is told why, and its page names a CDN instead.

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

const CDN_SWITCH: &str = "ROOST_PLAYGROUND_CDN";
const PACKAGES: &str = "playground";
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/server/playground/pinned.rs");
    println!("cargo::rerun-if-env-changed={CDN_SWITCH}");
    // The folder and not only its manifests: packages may be installed there, or removed, after a build.
    println!("cargo::rerun-if-changed={PACKAGES}");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    let code = match embed(&out) {
        Ok(files) => format!("Ok([{}])", files.join(", ")),
        Err(why) => {
            println!("cargo::warning=the playground will load GraphiQL from a CDN: {why}");
            format!("Err({why:?})")
        }
    };
    let kind = format!("Result<[&[u8]; {}], &str>", PINNED.len());
    let text = format!("/// The pinned files in gzip, or why they are not here.\nconst EMBEDDED: {kind} = {code};\n");
    Ok(fs::write(out.join("playground.rs"), text)?)
}

/// Leaves the files in `out`, compressed, and says how Rust includes each; or says why there are none.
fn embed(out: &Path) -> Result<Vec<String>, String> {
    if env::var_os(CDN_SWITCH).is_some_and(|value| !value.is_empty() && value != "0") {
        return Err(format!("{CDN_SWITCH} asks for it"));
    }
    let own = Path::new(PACKAGES).join("node_modules");
    let (folder, fetched) = if PINNED.iter().all(|pinned| path(&own, pinned).is_file()) {
        (own, None)
    } else {
        let fetched = fetch(out)?;
        (fetched.join("node_modules"), Some(fetched))
    };
    let files = PINNED.iter().enumerate().map(|(number, pinned)| take(&path(&folder, pinned), pinned, out, number));
    let files = files.collect();
    // What came along with the four files is of no further use.
    if let Some(fetched) = fetched {
        remove(&fetched)?;
    }
    files
}

fn path(folder: &Path, pinned: &Pinned) -> PathBuf {
    folder.join(pinned.package).join(pinned.file)
}

/// Installs what the lock file names, each package held to its integrity hash, into a folder of its own.
fn fetch(out: &Path) -> Result<PathBuf, String> {
    let folder = out.join(PACKAGES);
    remove(&folder)?;
    let said = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(said)?;
    for manifest in MANIFESTS {
        fs::copy(Path::new(PACKAGES).join(manifest), folder.join(manifest)).map_err(said)?;
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = Command::new(npm);
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]);
    // A network that swallows everything must not hold a build up for longer than this takes.
    command.args(["--fetch-timeout=20000", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]);
    // As cargo reads what is printed, npm may not print there.
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
            Err("npm was not there when this program was built".to_owned())
        }
    }
}

fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if folder.exists() => Err(format!("{}: {error}", folder.display())),
        _ => Ok(()),
    }
}

/// Compresses one file into `out` if its bytes are the ones that the page names.
fn take(from: &Path, pinned: &Pinned, out: &Path, number: usize) -> Result<String, String> {
    let name = format!("{}@{}/{}", pinned.package, pinned.version, pinned.file);
    let bytes = fs::read(from).map_err(|error| format!("{name}: {error}"))?;
    if BASE64_STANDARD.encode(Sha384::digest(&bytes)) != pinned.sha384 {
        return Err(format!("{name} is not the file that is expected"));
    }
    let compress = || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        fs::write(out.join(format!("{number}.gz")), encoder.finish()?)
    };
    compress().map_err(|error| format!("{name}: {error}"))?;
    Ok(format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{number}.gz\"))"))
}
