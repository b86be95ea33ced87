/** Items that are due and wait for a place, by group: the groups come in turn, so that a large one keeps none waiting. */
export class WaitingGroups<Item> {
  readonly #groupOf: (item: Item) => string;
  /** The group whose turn it is comes first. */
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

  /** Takes out the first item of the group whose turn it is. */
  take(): Item | undefined {
    for (const [name, group] of this.#groups) {
      for (const item of group) {
        this.delete(item);
        // The others of the group wait until it is its turn again.
        if (this.#groups.delete(name)) this.#groups.set(name, group);
        return item;
      }
    }
    return undefined;
  }
}
