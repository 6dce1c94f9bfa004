//! A page as a tree of elements and texts.

use std::borrow::Cow;
use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{Attribute, ParseOpts, QualName, parse_document};

/// The number of a node in a [`Tree`].
pub type NodeId = usize;

/// The tree that HTML's parser makes of a page. Whatever the page holds, there is one.
pub struct Tree {
    nodes: Vec<Node>,
}

struct Node {
    parent: Option<NodeId>,
    /// The number of nodes above it when it was inserted.
    depth: u32,
    children: Vec<NodeId>,
    data: Data,
}

enum Data {
    Element {
        name: QualName,
        attributes: Vec<Attribute>,
    },
    Text(StrTendril),
    /// The document, and what has no text: comments and processing instructions.
    Other,
}

impl Tree {
    pub const ROOT: NodeId = 0;

    /// Parses a page. Bytes that are not UTF-8 become replacement characters. Returns whether it was read to
    /// its end: what comes after elements that are nested too deeply is left out, because the time of the parser
    /// grows with the square of the depth.
    pub fn parse(html: &[u8]) -> (Tree, bool) {
        let mut options = ParseOpts::default();
        // A page is read as without scripts: what it says to such readers is text.
        options.tree_builder.scripting_enabled = false;
        let builder = Builder::default();
        let too_deep = builder.too_deep.clone();
        let mut parser = parse_document(builder, options).from_utf8();
        for part in html.chunks(PART_BYTES) {
            parser.process(part.into());
            if too_deep.get() {
                break;
            }
        }
        (parser.finish(), !too_deep.get())
    }

    pub fn children(&self, node: NodeId) -> &[NodeId] {
        &self.nodes[node].children
    }

    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.nodes[node].parent
    }

    /// The name of an HTML element, in lower case.
    pub fn name(&self, node: NodeId) -> Option<&str> {
        match &self.nodes[node].data {
            Data::Element { name, .. } => Some(&name.local),
            _ => None,
        }
    }

    pub fn text(&self, node: NodeId) -> Option<&str> {
        match &self.nodes[node].data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn attribute(&self, node: NodeId, name: &str) -> Option<&str> {
        let Data::Element { attributes, .. } = &self.nodes[node].data else { return None };
        attributes.iter().find(|a| &*a.name.local == name).map(|a| &*a.value)
    }

    /// The nodes in and below a node, in the order of the page.
    pub fn descendants(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let mut open = vec![node];
        std::iter::from_fn(move || {
            let node = open.pop()?;
            open.extend(self.children(node).iter().rev());
            Some(node)
        })
    }
}

/// The number of elements that may be nested, as in browsers.
const MAX_DEPTH: u32 = 512;

/// The bytes that are parsed before the depth is looked at.
const PART_BYTES: usize = 16 << 10;

/// Receives the parser's operations.
struct Builder {
    nodes: RefCell<Vec<Node>>,
    too_deep: Rc<Cell<bool>>,
}

impl Default for Builder {
    fn default() -> Builder {
        let document = Node { parent: None, depth: 0, children: Vec::new(), data: Data::Other };
        Builder { nodes: RefCell::new(vec![document]), too_deep: Rc::default() }
    }
}

impl Builder {
    fn create(&self, data: Data) -> NodeId {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node { parent: None, depth: 0, children: Vec::new(), data });
        nodes.len() - 1
    }

    fn detach(&self, node: NodeId) {
        let mut nodes = self.nodes.borrow_mut();
        if let Some(parent) = nodes[node].parent.take() {
            // The parser moves what it has just added.
            let children = &mut nodes[parent].children;
            if let Some(index) = children.iter().rposition(|&child| child == node) {
                children.remove(index);
            }
        }
    }

    /// Inserts a child at an index. Text is joined to text before it.
    fn insert(&self, parent: NodeId, index: usize, child: NodeOrText<NodeId>) {
        let node = match child {
            NodeOrText::AppendNode(node) => {
                self.detach(node);
                node
            }
            NodeOrText::AppendText(text) => {
                let mut nodes = self.nodes.borrow_mut();
                let before = index.checked_sub(1).map(|before| nodes[parent].children[before]);
                if let Some(Data::Text(there)) = before.map(|before| &mut nodes[before].data) {
                    there.push_tendril(&text);
                    return;
                }
                drop(nodes);
                self.create(Data::Text(text))
            }
        };
        let mut nodes = self.nodes.borrow_mut();
        nodes[node].parent = Some(parent);
        nodes[node].depth = nodes[parent].depth + 1;
        if nodes[node].depth > MAX_DEPTH {
            self.too_deep.set(true);
        }
        let index = index.min(nodes[parent].children.len());
        nodes[parent].children.insert(index, node);
    }

    fn index(&self, node: NodeId) -> Option<(NodeId, usize)> {
        let nodes = self.nodes.borrow();
        let parent = nodes[node].parent?;
        let index = nodes[parent].children.iter().rposition(|&child| child == node)?;
        Some((parent, index))
    }
}

impl TreeSink for Builder {
    type Handle = NodeId;
    type Output = Tree;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Tree {
        Tree { nodes: self.nodes.into_inner() }
    }

    fn get_document(&self) -> NodeId {
        Tree::ROOT
    }

    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Ref<'a, QualName> {
        Ref::map(self.nodes.borrow(), |nodes| match &nodes[*target].data {
            Data::Element { name, .. } => name,
            _ => unreachable!("the parser asks for the names of elements only"),
        })
    }

    fn create_element(
        &self,
        name: QualName,
        attributes: Vec<Attribute>,
        _: ElementFlags,
    ) -> NodeId {
        self.create(Data::Element { name, attributes })
    }

    fn create_comment(&self, _: StrTendril) -> NodeId {
        self.create(Data::Other)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> NodeId {
        self.create(Data::Other)
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        if let NodeOrText::AppendNode(node) = child {
            self.detach(node);
        }
        let end = self.nodes.borrow()[*parent].children.len();
        self.insert(*parent, end, child);
    }

    fn append_based_on_parent_node(
        &self,
        element: &NodeId,
        before: &NodeId,
        child: NodeOrText<NodeId>,
    ) {
        match self.index(*element) {
            Some(_) => self.append_before_sibling(element, child),
            None => self.append(before, child),
        }
    }

    fn append_before_sibling(&self, sibling: &NodeId, child: NodeOrText<NodeId>) {
        if let NodeOrText::AppendNode(node) = child {
            self.detach(node);
        }
        if let Some((parent, index)) = self.index(*sibling) {
            self.insert(parent, index, child);
        }
    }

    fn add_attrs_if_missing(&self, target: &NodeId, more: Vec<Attribute>) {
        if let Data::Element { attributes, .. } = &mut self.nodes.borrow_mut()[*target].data {
            for attribute in more {
                if !attributes.iter().any(|there| there.name == attribute.name) {
                    attributes.push(attribute);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &NodeId) {
        self.detach(*target);
    }

    fn reparent_children(&self, node: &NodeId, parent: &NodeId) {
        let mut nodes = self.nodes.borrow_mut();
        let children = std::mem::take(&mut nodes[*node].children);
        for &child in &children {
            nodes[child].parent = Some(*parent);
        }
        nodes[*parent].children.extend(children);
    }

    /// Templates are no content, and have no tree of their own here.
    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        *target
    }

    fn same_node(&self, a: &NodeId, b: &NodeId) -> bool {
        a == b
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn set_quirks_mode(&self, _: QuirksMode) {}
}
