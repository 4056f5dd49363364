//! A progress bar, where standard error is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

pub struct Bar(ProgressBar);

impl Bar {
    pub fn new(what: &'static str, count: u64) -> Self {
        let style = ProgressStyle::with_template("{prefix:14} [{bar:30}] {human_pos}/{human_len} {per_sec}");
        let bar =
            ProgressBar::new(count).with_style(style.expect("a constant template").progress_chars("=> "));
        bar.set_prefix(what);
        Self(bar)
    }

    pub fn advance(&self, count: u64) {
        self.0.inc(count);
    }

    pub fn set(&self, count: u64) {
        self.0.set_position(count);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
