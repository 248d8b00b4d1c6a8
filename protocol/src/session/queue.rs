//! First in, first out.

/// A queue of two stacks: what comes is put on one, what goes is taken from the other, which is filled with all
/// of the first, turned over, whenever it is empty. A page carries less code for it than for a ring.
#[derive(Debug)]
pub(super) struct Fifo<T> {
    /// The first is the last here.
    front: Vec<T>,
    back: Vec<T>,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self {
            front: Vec::new(),
            back: Vec::new(),
        }
    }
}

impl<T> Fifo<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.back.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.front.clear();
        self.back.clear();
    }

    pub(super) fn push(&mut self, item: T) {
        self.back.push(item);
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        if self.front.is_empty() {
            while let Some(item) = self.back.pop() {
                self.front.push(item);
            }
        }
        self.front.pop()
    }

    pub(super) fn first(&self) -> Option<&T> {
        self.front.last().or_else(|| self.back.first())
    }

    pub(super) fn first_mut(&mut self) -> Option<&mut T> {
        self.front.last_mut().or_else(|| self.back.first_mut())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.front.iter().rev().chain(&self.back)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.front.iter_mut().rev().chain(&mut self.back)
    }

    /// Drops what isn't to be kept; looks at each in order.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(&T) -> bool) {
        let mut all = std::mem::take(self);
        while let Some(item) = all.pop() {
            if is_kept(&item) {
                self.push(item);
            }
        }
    }

    /// Returns the one with this key, of a queue that is in the order of its keys.
    pub(super) fn find_mut<K: Ord>(&mut self, key: &K, of: impl Fn(&T) -> K) -> Option<&mut T> {
        // What stands in front is turned over, so its order is the reverse.
        let in_front = self.front.binary_search_by(|item| key.cmp(&of(item)));
        if let Ok(place) = in_front {
            return self.front.get_mut(place);
        }
        let place = self.back.binary_search_by(|item| of(item).cmp(key)).ok()?;
        self.back.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::Fifo;

    /// The numbers from 1 to 6, of which some have been turned over.
    fn queue() -> Fifo<u8> {
        let mut queue = Fifo::default();
        for item in 0..4 {
            queue.push(item);
        }
        assert_eq!(queue.pop(), Some(0));
        for item in 4..7 {
            queue.push(item);
        }
        queue
    }

    #[test]
    fn what_comes_first_goes_first() {
        let mut queue = queue();
        assert!(queue.iter().copied().eq(1..7));
        assert!(queue.iter_mut().map(|item| *item).eq(1..7));
        for item in 1..7 {
            assert_eq!(queue.first(), Some(&item));
            assert_eq!(queue.first_mut().copied(), Some(item));
            assert_eq!(queue.pop(), Some(item));
        }
        assert!(queue.is_empty());
        assert_eq!(queue.first(), None);
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn some_can_be_dropped_and_the_others_keep_their_order() {
        let mut queue = queue();
        let mut seen = Vec::new();
        queue.retain(|item| {
            seen.push(*item);
            item % 2 == 0
        });
        assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
        assert!(queue.iter().copied().eq([2, 4, 6]));
        queue.clear();
        assert!(queue.is_empty());
    }

    #[test]
    fn each_is_found_by_its_key() {
        let mut queue = queue();
        for item in 1..7 {
            assert_eq!(queue.find_mut(&item, |item| *item).copied(), Some(item));
        }
        assert_eq!(queue.find_mut(&9, |item| *item), None);
    }
}
