//! A map for keys that mostly come in their order.

use std::cmp::Ordering;

/// A map as a sorted list: what a session holds is few, or comes and goes in order and in numbers that are
/// bounded, and a page carries less code for it than for a tree or a ring.
#[derive(Clone, Debug)]
pub(super) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Returns the place of an entry among so many, or where it would be, if the one at each place compares with it so: one search for
/// all types of entries.
fn search(len: usize, compare: &dyn Fn(usize) -> Ordering) -> Result<usize, usize> {
    let (mut start, mut end) = (0, len);
    while start < end {
        let middle = start.midpoint(end);
        match compare(middle) {
            Ordering::Less => start = middle + 1,
            Ordering::Equal => return Ok(middle),
            Ordering::Greater => end = middle,
        }
    }
    Err(start)
}

impl<K: Ord + Copy, V> Sorted<K, V> {
    fn place(&self, key: K) -> Result<usize, usize> {
        search(self.0.len(), &|place| self.0[place].0.cmp(&key))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn contains_key(&self, key: K) -> bool {
        self.place(key).is_ok()
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Puts a value in the place of the key's, if it has one.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.place(key) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }

    /// Takes everything up to this key, and with it.
    pub(super) fn take_up_to(&mut self, last: K) -> impl Iterator<Item = V> + use<'_, K, V> {
        let end = match self.place(last) {
            Ok(place) => place + 1,
            Err(place) => place,
        };
        self.0.drain(..end).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (*key, value))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Takes everything.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (K, V)> + use<K, V> {
        std::mem::take(&mut self.0).into_iter()
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::Sorted;

    fn map(keys: &[u8]) -> Sorted<u8, u8> {
        let mut map = Sorted::default();
        for key in keys {
            map.insert(*key, key + 100);
        }
        map
    }

    fn keys(entries: impl Iterator<Item = (u8, u8)>) -> Vec<u8> {
        entries.map(|(key, _)| key).collect()
    }

    #[test]
    fn entries_stand_in_the_order_of_their_keys() {
        let mut map = map(&[5, 1, 3]);
        assert_eq!(
            keys(map.iter().map(|(key, value)| (key, *value))),
            [1, 3, 5]
        );
        assert_eq!((map.get(3), map.get(4)), (Some(&103), None));
        map.insert(3, 7);
        assert_eq!((map.remove(3), map.remove(3)), (Some(7), None));
        assert_eq!(map.len(), 2);
        assert_eq!(keys(map.take_all()), [1, 5]);
        assert!(map.is_empty());
    }

    #[test]
    fn what_is_up_to_a_key_can_be_taken() {
        for (last, taken) in [(0, 0), (1, 1), (2, 1), (3, 2), (9, 3)] {
            let mut map = map(&[1, 3, 5]);
            assert_eq!(map.take_up_to(last).count(), taken, "{last}");
            assert_eq!(map.len(), 3 - taken);
        }
    }

    #[test]
    fn every_value_can_be_changed_in_its_place() {
        let mut map = map(&[5, 1, 3]);
        for (add, value) in (1..).zip(map.values_mut()) {
            *value += add;
        }
        assert_eq!(map.values().copied().collect::<Vec<_>>(), [102, 105, 108]);
        for (key, value) in map.iter_mut() {
            *value = key;
        }
        let entries: Vec<(u8, u8)> = map.take_all().collect();
        assert_eq!(entries, [(1, 1), (3, 3), (5, 5)]);
    }
}
