//! `crossrank site`: what it reads, what it leaves out, updates, and builds at the same time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crossrank::site::{SearchOptions, SiteIndex};
use crossrank::{Embedder, EmbedderOptions, ModelFiles};
use temp_dir::TempDir;

struct Site {
    folder: TempDir,
}

impl Site {
    fn new(pages: &[(&str, &str)]) -> Site {
        let site = Site { folder: TempDir::new().unwrap() };
        pages.iter().for_each(|(name, html)| site.write(name, html));
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("site").join(name)
    }

    /// Writes a page that is a minute old. The times of new files are not trusted.
    fn write(&self, name: &str, html: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, html).unwrap();
        let then = SystemTime::now() - Duration::from_secs(60);
        File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossrank"));
        command.arg("site").arg(self.path("")).args(more);
        command.env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the command. Returns the first line that it prints, without the time, and the lines on standard
    /// error.
    fn build(&self, more: &[&str]) -> (String, Vec<String>) {
        let output = self.command(more).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "{stderr}");
        let line = stdout.lines().next().unwrap().rsplit_once(", ").unwrap().0;
        (line.to_owned(), stderr.lines().map(str::to_owned).collect())
    }

    /// All files of the search.
    fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.path(folder)).unwrap().map(Result::unwrap);
        let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
        named.map(|(name, path)| (name, fs::read(path).unwrap())).collect()
    }

    fn search(&self, query: &str) -> Vec<String> {
        let files = self.files("crossrank");
        let mut index = SiteIndex::new(&files["manifest.bin"]).unwrap();
        let mut options = SearchOptions::default();
        options.vectors = true;
        loop {
            let found = index.search(query, &options);
            if found.needs.is_empty() {
                return found.results.into_iter().map(|result| result.url).collect();
            }
            found.needs.iter().for_each(|name| index.add(name, &files[name]).unwrap());
        }
    }
}

#[test]
fn an_update_gives_the_same_files_as_a_new_build() {
    let site = Site::new(&[
        ("index.html", "<title>Home</title><main>Welcome to the zoo."),
        ("a/zebra.html", "<title>Zebra</title><main><h2 id=s>Stripes</h2>A zebra has stripes."),
        ("a/lion.html", "<title>Lion</title><main>A lion has a mane."),
    ]);
    let (line, _) = site.build(&[]);
    assert_eq!(line, "3 pages read, 0 unchanged, 0 left out, 0 problems");
    assert_eq!(site.search("stripe")[0], "a/zebra.html#s");
    assert_eq!(site.search("welcome")[0], "");

    site.write("a/lion.html", "<title>Lion</title><main>A lion roars at night.");
    fs::remove_file(site.path("index.html")).unwrap();
    let (line, _) = site.build(&[]);
    assert_eq!(line, "1 pages read, 1 unchanged, 0 left out, 0 problems");
    assert_eq!(site.search("roars")[0], "a/lion.html");
    let (line, _) = site.build(&["-o", site.path("new").to_str().unwrap(), "--no-cache"]);
    assert_eq!(line, "2 pages read, 0 unchanged, 0 left out, 0 problems");
    assert_eq!(site.files("crossrank"), site.files("new"));
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_is_found() {
    let site = Site::new(&[
        ("broken.html", "<main><div><p>unclosed zebra</b></table><h2 id=x>Deep<span>"),
        ("hidden.html", "<meta name=robots content='noindex'><main>secret zebra"),
        ("odd name#.html", "<main>zebra with an odd name"),
        ("crossrank/old.txt", ""),
    ]);
    fs::remove_file(site.path("crossrank/old.txt")).unwrap();
    File::create(site.path("big.html")).unwrap().set_len(17 << 20).unwrap();
    fs::write(site.path("bytes.html"), b"<main>zebra \xff\xfe bytes").unwrap();
    fs::write(site.folder.path().join("private.html"), "<main>private zebra").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../private.html", site.path("link.html")).unwrap();
    let (line, problems) = site.build(&["--text-only"]);
    let expected = if cfg!(unix) { 2 } else { 1 };
    assert_eq!(line, format!("4 pages read, 0 unchanged, 1 left out, {expected} problems"));
    assert!(problems.iter().any(|p| p.contains("big.html: left out, because it has 17.8 MB")));
    let mut found = site.search("zebra");
    found.sort();
    assert_eq!(found, ["broken.html", "bytes.html", "odd%20name%23.html"]);
}

#[test]
fn folders_that_cannot_be_meant_are_refused() {
    let fails = |site: &Site, more: &[&str]| {
        let output = site.command(more).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let site = Site::new(&[("readme.txt", "no page")]);
    assert!(fails(&site, &[]).contains("no pages were found"));
    let site = Site::new(&[("a.html", "<main>zebra"), ("docs/mine.txt", "mine")]);
    let docs = site.path("docs");
    assert!(fails(&site, &["-o", docs.to_str().unwrap()]).contains("name another folder"));
    assert!(docs.join("mine.txt").exists());
    let vectors = site.path("a.html");
    assert!(fails(&site, &["--vectors", vectors.to_str().unwrap()]).contains("crossrank distill"));
}

#[test]
fn two_builds_at_once_leave_one_whole_build() {
    let site = Site::new(&[]);
    for i in 0..50 {
        let html = format!("<title>Page {i}</title><main>{}", "word zebra ".repeat(i));
        site.write(&format!("{i}.html"), &html);
    }
    let builds: Vec<_> = (0..3).map(|_| site.command(&["--text-only"]).spawn().unwrap()).collect();
    for build in builds {
        let output = build.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(site.search("zebra").len(), 10);
    assert!(!site.files("crossrank").keys().any(|name| name.ends_with(".unfinished")));
}

#[test]
fn a_page_of_50_megabytes_is_read_if_that_is_wanted() {
    let filler = "<i class=none></i>".repeat(3_000_000);
    let html = format!(
        "<title>Large</title><main><h1 id=top>First</h1>lion{filler}<h1 id=end>Last</h1>zebra"
    );
    assert!(html.len() > 50 << 20);
    let site = Site::new(&[("large.html", &html), ("small.html", "<main>lion")]);
    let (line, problems) = site.build(&["--text-only"]);
    assert_eq!(line, "1 pages read, 0 unchanged, 0 left out, 1 problems");
    assert!(problems.iter().any(|p| p.contains("raise --max-page-mb")), "{problems:?}");
    let (line, _) = site.build(&["--text-only", "--max-page-mb", "60"]);
    assert_eq!(line, "1 pages read, 1 unchanged, 0 left out, 0 problems");
    assert_eq!(site.search("zebra"), ["large.html#end"]);
}

#[test]
fn an_embedder_may_make_the_vectors() {
    let site = Site::new(&[("a.html", "<main>zebra"), ("b.html", "<html lang=de><main>Löwe")]);
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/embedders/bert");
    site.build(&[&format!("--embedder={model}")]);
    let index = SiteIndex::new(&site.files("crossrank")["manifest.bin"]).unwrap();
    // Pages load the prepared model.
    let prepared = ModelFiles::read(model).unwrap().prepare().unwrap();
    let files = ModelFiles::from_prepared(prepared).unwrap();
    let embedder = Embedder::from_owned_files(files, EmbedderOptions::default()).unwrap();
    assert_eq!(index.embedder(), Some(embedder.fingerprint()));
    assert!(index.has_vectors());

    let output = site.command(&["--embedder", "--text-only"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = site.command(&["--embedder=nowhere"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere"));
}
