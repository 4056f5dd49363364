//! Writes HTML.

/// A part of the page.
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    /// `html` is trusted.
    pub(super) fn raw(&mut self, html: &str) {
        self.0.push_str(html);
        self.0.push('\n');
    }

    pub(super) fn open(&mut self, name: &str) {
        self.raw(&format!("<{name}>"));
    }

    pub(super) fn close(&mut self, name: &str) {
        self.raw(&format!("</{name}>"));
    }

    pub(super) fn element(&mut self, name: &str, text: &str) {
        self.raw(&format!("<{name}>{}</{name}>", text_of(text)));
    }

    /// The table scrolls by itself where the window is narrow.
    pub(super) fn table(&mut self, titles: &[&str]) {
        let titles: String = titles.iter().map(|title| format!("<th>{}</th>", text_of(title))).collect();
        self.raw(&format!("<div class=\"scroll\"><table><thead><tr>{titles}</tr></thead><tbody>"));
    }

    /// The cells are trusted HTML.
    pub(super) fn row(&mut self, cells: &[String]) {
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        self.raw(&format!("<tr>{cells}</tr>"));
    }

    pub(super) fn end_table(&mut self) {
        self.raw("</tbody></table></div>");
    }

    pub(super) fn done(self) -> String {
        self.0
    }
}

/// A text as HTML. What stands between backticks is code.
pub(super) fn text_of(text: &str) -> String {
    let parts = escaped(text);
    let parts: Vec<_> = parts.split('`').collect();
    if parts.len() % 2 == 0 {
        return parts.join("`");
    }
    let part = |(at, part): (usize, &&str)| {
        if at % 2 == 1 { format!("<code>{part}</code>") } else { (*part).to_owned() }
    };
    parts.iter().enumerate().map(part).collect()
}

pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

/// The id of a part of the page.
pub(super) fn anchor(kind: &str, name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{kind}-{name}")
}
