/**
 * Keeps due items that wait for a place, by group. The groups take turns, so that a large one does not hold up the
 * others.
 */
export class WaitingGroups<Item> {
  readonly #groupOf: (item: Item) => string;
  /** The groups in the order of their turns. */
  readonly #groups = new Map<string, Set<Item>>();
  #size = 0;

  constructor(groupOf: (item: Item) => string) {
    this.#groupOf = groupOf;
  }

  get size(): number {
    return this.#size;
  }

  has(item: Item): boolean {
    return this.#size > 0 && this.#groups.get(this.#groupOf(item))?.has(item) === true;
  }

  add(item: Item): void {
    const name = this.#groupOf(item);
    const group = this.#groups.get(name) ?? new Set();
    this.#groups.set(name, group);
    this.#size -= group.size;
    this.#size += group.add(item).size;
  }

  delete(item: Item): boolean {
    if (this.#size === 0) return false;
    const name = this.#groupOf(item);
    const group = this.#groups.get(name);
    if (group?.delete(item) !== true) return false;
    this.#size--;
    if (group.size === 0) this.#groups.delete(name);
    return true;
  }

  /** Removes and returns the first item of the largest group; `undefined` if no item waits. */
  takeFromLargest(): Item | undefined {
    let largest: ReadonlySet<Item> | undefined;
    for (const group of this.#groups.values()) {
      if (largest === undefined || group.size > largest.size) largest = group;
    }
    for (const item of largest ?? []) {
      this.delete(item);
      return item;
    }
    return undefined;
  }

  /** Removes and returns the first item of the group whose turn it is; `undefined` if no item waits. */
  take(): Item | undefined {
    for (const [name, group] of this.#groups) for (const item of group) return this.#takeOf(name, group, item);
    return undefined;
  }

  /** Removes and returns the last item of the group whose turn it is; `undefined` if no item waits. */
  takeNewest(): Item | undefined {
    for (const [name, group] of this.#groups) return this.#takeOf(name, group, [...group].at(-1) as Item);
    return undefined;
  }

  #takeOf(name: string, group: Set<Item>, item: Item): Item {
    this.delete(item);
    // The group moves to the end, so that its other items wait until all other groups have had a turn.
    if (this.#groups.delete(name)) this.#groups.set(name, group);
    return item;
  }
}
