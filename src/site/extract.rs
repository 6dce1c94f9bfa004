//! Reads pages: content, sections, titles, and what their attributes and meta elements say.

use super::html::{NodeId, Tree};
use super::page::Page;
use super::sections::{DEFINITION_LEVEL, SectionBuilder};
use crate::text::{Flow, flow_of, is_mark};

/// Elements whose content is not text of the page, or is on every page.
const LEFT_OUT: [&str; 20] = [
    "audio", "button", "canvas", "dialog", "embed", "footer", "form", "head", "iframe", "input",
    "link", "nav", "object", "script", "select", "style", "svg", "template", "textarea", "video",
];

/// Roles of elements that are on every page.
const LEFT_OUT_ROLES: [&str; 4] = ["banner", "contentinfo", "navigation", "search"];

impl Page {
    /// Reads a page. `None` for one that says that it is not to be found, or leads to another page.
    ///
    /// The content is in the elements with `data-crossrank-body`, else in `main` or `article`, else in
    /// `body`. Every attribute whose name begins with `data-crossrank-` may also begin with
    /// `data-pagefind-`. Whatever the HTML, some page can be read of it.
    pub fn parse(url: &str, html: &[u8]) -> Option<Page> {
        let (tree, is_whole) = Tree::parse(html);
        let mut page = Page { url: url.to_owned(), is_truncated: !is_whole, ..Page::default() };
        let mut first_title = None;
        let mut bodies = Vec::new();
        let mut roots: [Vec<NodeId>; 3] = Default::default();
        for node in tree.descendants(Tree::ROOT) {
            let Some(name) = tree.name(node) else { continue };
            match name {
                "html" => {
                    page.language = tree
                        .attribute(node, "lang")
                        .or(tree.attribute(node, "xml:lang"))
                        .unwrap_or_default()
                        .trim()
                        .to_lowercase()
                }
                "title" if first_title.is_none() => first_title = Some(text_of(&tree, node)),
                "meta" => {
                    let content = tree.attribute(node, "content").unwrap_or_default();
                    let about = tree.attribute(node, "name").unwrap_or_default();
                    match about.to_ascii_lowercase().as_str() {
                        "robots" | "crossrank"
                            if content.to_ascii_lowercase().contains("noindex") =>
                        {
                            return None;
                        }
                        "description" => page.description = squeeze(content),
                        "keywords" => page.keywords = squeeze(content),
                        _ => (),
                    }
                    let refresh = tree.attribute(node, "http-equiv").unwrap_or_default();
                    if refresh.eq_ignore_ascii_case("refresh")
                        && content.to_ascii_lowercase().contains("url")
                    {
                        return None;
                    }
                }
                "main" => roots[0].push(node),
                "article" => roots[1].push(node),
                "body" => roots[2].push(node),
                _ if tree.attribute(node, "role") == Some("main") => roots[0].push(node),
                _ => (),
            }
            if mark(&tree, node, "body").is_some() {
                bodies.push(node);
            }
        }
        page.is_marked = !bodies.is_empty();
        let roots = match page.is_marked {
            true => bodies,
            false => roots.into_iter().find(|roots| !roots.is_empty()).unwrap_or_default(),
        };
        facts(&tree, &mut page);
        let mut reader =
            Reader { tree: &tree, builder: SectionBuilder::default(), top_heading: None };
        for &root in &roots {
            // A root in another one is read with it.
            let mut above = std::iter::successors(tree.parent(root), |&node| tree.parent(node));
            if !above.any(|node| roots.contains(&node)) {
                reader.read(root);
            }
        }
        let named = page.meta.iter().position(|(name, _)| name == "title");
        page.title = match named {
            Some(index) => page.meta.remove(index).1,
            None => reader.top_heading.take().or(first_title).unwrap_or_default(),
        };
        page.sections = reader.builder.finish(&page.title);
        Some(page)
    }
}

/// The value of an attribute `data-crossrank-NAME` or `data-pagefind-NAME`.
fn mark<'t>(tree: &'t Tree, node: NodeId, name: &str) -> Option<&'t str> {
    let of = |project: &str| tree.attribute(node, &format!("data-{project}-{name}"));
    of("crossrank").or_else(|| of("pagefind"))
}

/// Reads the attributes that say something about the page: `meta`, `filter` and `sort`.
fn facts(tree: &Tree, page: &mut Page) {
    let mut open = vec![Tree::ROOT];
    let mut defaults = Vec::new();
    while let Some(node) = open.pop() {
        if tree.name(node).is_some() {
            if mark(tree, node, "ignore") == Some("all") {
                continue;
            }
            for (name, list) in [
                ("meta", &mut page.meta),
                ("default-meta", &mut defaults),
                ("filter", &mut page.filters),
                ("sort", &mut page.sorts),
            ] {
                let Some(facts) = mark(tree, node, name) else { continue };
                for fact in facts.split(',') {
                    let fact = parse_fact(tree, node, fact.trim());
                    if !fact.0.is_empty() && !fact.1.is_empty() && !list.contains(&fact) {
                        list.push(fact);
                    }
                }
            }
        }
        open.extend(tree.children(node).iter().rev());
    }
    for (name, value) in defaults {
        if !page.meta.iter().any(|(there, _)| *there == name) {
            page.meta.push((name, value));
        }
    }
    // Of several values, the first is the page's.
    for list in [&mut page.meta, &mut page.sorts] {
        let mut names: Vec<String> = Vec::new();
        list.retain(|(name, _)| {
            let is_first = !names.contains(name);
            names.push(name.clone());
            is_first
        });
    }
}

/// A fact in one of the forms `name`, whose value is the element's text, `name:value` and
/// `name[attribute]`.
fn parse_fact(tree: &Tree, node: NodeId, fact: &str) -> (String, String) {
    if let Some((name, attribute)) = fact.strip_suffix(']').and_then(|fact| fact.split_once('[')) {
        let value = tree.attribute(node, &attribute.to_ascii_lowercase()).unwrap_or_default();
        return (name.trim().to_owned(), squeeze(value));
    }
    match fact.split_once(':') {
        Some((name, value)) => (name.trim().to_owned(), squeeze(value)),
        None => (fact.to_owned(), text_of(tree, node)),
    }
}

/// The text of an element without its marks beside headings.
fn text_of(tree: &Tree, node: NodeId) -> String {
    let texts: String = tree.descendants(node).filter_map(|node| tree.text(node)).collect();
    squeeze(&texts)
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Reader<'t> {
    tree: &'t Tree,
    builder: SectionBuilder,
    /// The first heading of level 1.
    top_heading: Option<String>,
}

/// What to do when the end of an element is reached.
#[derive(Clone, Copy)]
enum End {
    Heading,
    Definitions,
    Flow(Flow),
    Weight(u8),
}

enum Step {
    Enter(NodeId),
    Leave(End),
}

impl Reader<'_> {
    fn read(&mut self, root: NodeId) {
        let mut steps = vec![Step::Enter(root)];
        let mut depth = 0u8;
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(node) => self.enter(node, &mut steps, &mut depth),
                Step::Leave(End::Heading) => self.end_heading(),
                Step::Leave(End::Definitions) => {
                    depth = depth.saturating_sub(1);
                    self.builder.close(DEFINITION_LEVEL.saturating_add(depth));
                }
                Step::Leave(End::Flow(flow)) => self.separate(flow),
                Step::Leave(End::Weight(weight)) => {
                    self.builder.set_weight(weight);
                }
            }
        }
        self.builder.end_paragraph();
    }

    fn enter(&mut self, node: NodeId, steps: &mut Vec<Step>, depth: &mut u8) {
        let tree = self.tree;
        if let Some(text) = tree.text(node) {
            return self.builder.push(text);
        }
        let Some(name) = tree.name(node) else {
            steps.extend(tree.children(node).iter().rev().map(|&child| Step::Enter(child)));
            return;
        };
        if is_left_out(tree, node, name) {
            return;
        }
        let flow = flow_of(name.as_bytes());
        if let Some(anchor) = tree
            .attribute(node, "id")
            .or_else(|| (name == "a").then(|| tree.attribute(node, "name")).flatten())
        {
            self.builder.anchor(anchor);
        }
        if name == "a" && is_permalink(tree, node) {
            let target = tree.attribute(node, "href").and_then(|href| href.split_once('#'));
            if let Some((_, anchor)) = target {
                self.builder.anchor_of_heading(anchor);
            }
            return;
        }
        if let Some(weight) = mark(tree, node, "weight").and_then(|w| w.parse::<f32>().ok()) {
            let before = self.builder.set_weight((weight * 10.0).clamp(0.0, 100.0) as u8);
            steps.push(Step::Leave(End::Weight(before)));
        }
        for attribute in mark(tree, node, "index-attrs").unwrap_or_default().split(',') {
            if let Some(value) = tree.attribute(node, &attribute.trim().to_ascii_lowercase()) {
                self.builder.push(" ");
                self.builder.push(value);
                self.builder.push(" ");
            }
        }
        let definitions = DEFINITION_LEVEL.saturating_add(depth.saturating_sub(1));
        let level = match name {
            "dt" if *depth > 0 && has_anchor(tree, node) => Some(definitions),
            _ => heading_level(name),
        };
        if let Some(level) = level {
            self.end_heading();
            self.builder.start_heading(level);
            steps.push(Step::Leave(End::Heading));
        } else if name == "dl" {
            self.separate(Flow::Block);
            *depth = depth.saturating_add(1);
            steps.push(Step::Leave(End::Definitions));
        } else {
            self.separate(flow);
            steps.push(Step::Leave(End::Flow(flow)));
        }
        steps.extend(tree.children(node).iter().rev().map(|&child| Step::Enter(child)));
    }

    fn end_heading(&mut self) {
        if let Some((1, heading)) = self.builder.end_heading() {
            self.top_heading.get_or_insert(heading);
        }
    }

    fn separate(&mut self, flow: Flow) {
        match flow {
            Flow::Inline => (),
            Flow::WordBreak => self.builder.push(" "),
            Flow::Block => self.builder.end_paragraph(),
        }
    }
}

fn is_left_out(tree: &Tree, node: NodeId, name: &str) -> bool {
    let is = |attribute, value: &str| {
        tree.attribute(node, attribute).is_some_and(|v| v.trim().eq_ignore_ascii_case(value))
    };
    let role = tree.attribute(node, "role").unwrap_or_default();
    LEFT_OUT.contains(&name)
        || LEFT_OUT_ROLES.contains(&role)
        || mark(tree, node, "ignore").is_some()
        // What a browser shows once it is found is content.
        || tree.attribute(node, "hidden").is_some() && !is("hidden", "until-found")
        || is("aria-hidden", "true")
}

/// Whether a link leads to a place in a page and has no words, as those beside headings.
fn is_permalink(tree: &Tree, node: NodeId) -> bool {
    tree.attribute(node, "href").is_some_and(|href| href.contains('#'))
        && is_mark(&text_of(tree, node))
}

fn heading_level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

/// Whether an element, or an empty link at its beginning, has an anchor.
fn has_anchor(tree: &Tree, node: NodeId) -> bool {
    tree.attribute(node, "id").is_some()
        || tree.children(node).first().is_some_and(|&child| {
            tree.name(child) == Some("a")
                && (tree.attribute(child, "id").is_some()
                    || tree.attribute(child, "name").is_some())
        })
}
