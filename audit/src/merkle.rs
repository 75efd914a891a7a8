//! The hash tree over a log's lines, by RFC 6962 section 2.1: leaves and nodes are hashed apart, and order counts.

use sha2::{Digest as _, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

/// A tree that grows at its end, kept as the roots of its full subtrees, the largest first: one for each bit of its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    full: Vec<Hash>,
}

impl Tree {
    /// The tree with the full subtrees `full`, the largest first; nothing where those cannot be of a tree of this size.
    pub fn from_parts(size: u64, full: Vec<Hash>) -> Option<Self> {
        (size.count_ones() as usize == full.len()).then_some(Self { size, full })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its full subtrees, the largest first.
    pub fn full(&self) -> &[Hash] {
        &self.full
    }

    /// Adds a line, without its line feed, as it was written.
    pub fn push(&mut self, line: &[u8]) {
        let mut hash = leaf(line);
        // Two full subtrees of one size are one of twice the size.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.full.pop() {
                hash = node(&left, &hash);
            }
        }
        self.full.push(hash);
        self.size += 1;
    }

    /// Its root: of an empty tree the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut full = self.full.iter().rev().copied();
        let Some(last) = full.next() else { return Sha256::digest([]).into() };
        full.fold(last, |right, left| node(&left, &right))
    }
}

/// The hash of a line: SHA-256(0x00 ‖ line).
pub fn leaf(line: &[u8]) -> Hash {
    Sha256::new_with_prefix([0]).chain_update(line).finalize().into()
}

/// SHA-256(0x01 ‖ left ‖ right).
fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;

    use super::*;

    #[test]
    fn the_root_is_the_one_of_the_library_at_every_size() {
        let (mut ours, mut theirs) = (Tree::default(), MemoryBackedTree::<Sha256, Vec<u8>>::new());
        assert_eq!(ours.root().to_vec(), theirs.root().as_bytes().to_vec());
        for number in 0..300_u32 {
            let line = vec![b'x'; number as usize % 7].into_iter().chain(number.to_be_bytes()).collect::<Vec<_>>();
            ours.push(&line);
            theirs.push(line);
            assert_eq!(ours.root().to_vec(), theirs.root().as_bytes().to_vec(), "{number}");
            assert_eq!(ours.full().len(), ours.size().count_ones() as usize);
        }
    }

    #[test]
    fn the_empty_tree_and_the_first_ones_have_the_roots_of_rfc_6962() {
        // The test vectors of Certificate Transparency's reference implementation.
        let hex = |hash: Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut tree = Tree::default();
        assert_eq!(hex(tree.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        tree.push(b"");
        assert_eq!(hex(tree.root()), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        tree.push(b"\0");
        assert_eq!(hex(tree.root()), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
        tree.push(b"\x10");
        assert_eq!(hex(tree.root()), "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
    }

    #[test]
    fn lines_that_look_like_nodes_are_no_nodes() {
        let (mut two, mut one) = (Tree::default(), Tree::default());
        two.push(b"a");
        two.push(b"b");
        one.push(&[&[1][..], &leaf(b"a"), &leaf(b"b")].concat());
        assert_ne!(two.root(), one.root());
    }

    #[test]
    fn parts_that_fit_no_size_are_no_tree() {
        assert!(Tree::from_parts(3, vec![[0; 32]]).is_none());
        assert!(Tree::from_parts(3, vec![[0; 32]; 2]).is_some());
    }
}
