//! The code round a mutant's place: where in a file a choice between both can be made.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::{Context, Result};
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, ReturnType, Type, UnOp};

use super::mutant::Genre;

/// A piece of code that mutants of one genre change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// The expression, or the arm's pattern; of a function, where its body begins.
    pub(super) range: Range<usize>,
    /// The arm's guard.
    pub(super) guard: Option<Range<usize>>,
    pub(super) obstacle: Option<Obstacle>,
}

/// The reason why a node can't have a choice in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// It is evaluated at compile time, or its type follows from one body.
    OneBody,
    /// A chain of `let` has no other operator than `&&`.
    LetChain,
}

/// Finds all nodes of a file, by their genre and where their mutants' spans begin.
pub(super) fn find(text: &str) -> Result<HashMap<(Genre, usize), Node>> {
    let file = syn::parse_file(text).context("no Rust")?;
    let mut finder = Finder {
        nodes: HashMap::new(),
        is_const: false,
    };
    finder.visit_file(&file);
    Ok(finder.nodes)
}

struct Finder {
    nodes: HashMap<(Genre, usize), Node>,
    /// True inside what is evaluated at compile time.
    is_const: bool,
}

impl Finder {
    fn add(&mut self, genre: Genre, start: Span, range: Range<usize>, obstacle: Option<Obstacle>) {
        let obstacle = obstacle.or(self.is_const.then_some(Obstacle::OneBody));
        let node = Node {
            range,
            guard: None,
            obstacle,
        };
        let start = start.byte_range().start;
        self.nodes.insert((genre, start), node);
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let before = self.is_const;
        self.is_const = signature.constness.is_some();
        if let Some(first) = block.stmts.first() {
            let start = first.span().byte_range().start;
            let obstacle = returns_impl(signature).then_some(Obstacle::OneBody);
            self.add(Genre::FnValue, first.span(), start..start, obstacle);
        }
        visit::visit_block(self, block);
        self.is_const = before;
    }

    fn at_compile_time(&mut self, visit: impl FnOnce(&mut Self)) {
        let before = self.is_const;
        self.is_const = true;
        visit(self);
        self.is_const = before;
    }
}

impl<'a> Visit<'a> for Finder {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
    }

    fn visit_expr_binary(&mut self, expr: &'a syn::ExprBinary) {
        let has_let = has_let(&expr.left) || has_let(&expr.right);
        let obstacle = has_let.then_some(Obstacle::LetChain);
        let range = expr.span().byte_range();
        self.add(Genre::BinaryOperator, expr.op.span(), range, obstacle);
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'a syn::ExprUnary) {
        if !matches!(expr.op, UnOp::Deref(_)) {
            let range = expr.span().byte_range();
            self.add(Genre::UnaryOperator, expr.op.span(), range, None);
        }
        visit::visit_expr_unary(self, expr);
    }

    fn visit_expr_struct(&mut self, expr: &'a syn::ExprStruct) {
        for field in &expr.fields {
            let range = expr.span().byte_range();
            self.add(Genre::StructField, field.span(), range, None);
        }
        visit::visit_expr_struct(self, expr);
    }

    fn visit_arm(&mut self, arm: &'a syn::Arm) {
        let guard = arm.guard.as_ref().map(|(_, guard)| guard);
        if let Some(guard) = guard {
            let range = guard.span().byte_range();
            self.add(Genre::MatchArmGuard, guard.span(), range, None);
        }
        let range = arm.pat.span().byte_range();
        self.add(Genre::MatchArm, arm.span(), range, None);
        let start = arm.span().byte_range().start;
        if let Some(node) = self.nodes.get_mut(&(Genre::MatchArm, start)) {
            node.guard = guard.map(|guard| guard.span().byte_range());
        }
        visit::visit_arm(self, arm);
    }

    fn visit_item_const(&mut self, item: &'a syn::ItemConst) {
        self.at_compile_time(|this| visit::visit_item_const(this, item));
    }

    fn visit_item_static(&mut self, item: &'a syn::ItemStatic) {
        self.at_compile_time(|this| visit::visit_item_static(this, item));
    }

    fn visit_impl_item_const(&mut self, item: &'a syn::ImplItemConst) {
        self.at_compile_time(|this| visit::visit_impl_item_const(this, item));
    }

    fn visit_expr_const(&mut self, expr: &'a syn::ExprConst) {
        self.at_compile_time(|this| visit::visit_expr_const(this, expr));
    }

    fn visit_expr_repeat(&mut self, expr: &'a syn::ExprRepeat) {
        self.visit_expr(&expr.expr);
        self.at_compile_time(|this| this.visit_expr(&expr.len));
    }

    fn visit_type_array(&mut self, array: &'a syn::TypeArray) {
        self.at_compile_time(|this| visit::visit_type_array(this, array));
    }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

fn returns_impl(signature: &syn::Signature) -> bool {
    struct Impl(bool);
    impl Visit<'_> for Impl {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let ReturnType::Type(_, returned) = &signature.output else {
        return false;
    };
    let returned: &Type = returned;
    let mut found = Impl(false);
    found.visit_type(returned);
    found.0
}
