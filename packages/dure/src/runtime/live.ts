/** A value that others follow and may refuse to follow: then it has not changed, for anybody. */
export type Live<T, About = undefined> = {
  readonly current: () => T
  /** `changed` is told of the next value before it counts, and throws when it cannot take it. */
  readonly watch: (changed: (next: T, about?: About) => void) => { readonly stop: () => void }
  /**
   * @param undo called when somebody refuses it, before the others go back: for whoever changes a part of the current one in place
   * @throws what the first that refuses it throws
   */
  readonly tell: (next: T, about?: About, undo?: () => void) => void
}

export function createLive<T, About = undefined>(initial: T): Live<T, About> {
  let current = initial
  const watchers = new Set<(next: T, about?: About) => void>()
  return {
    current: () => current,
    watch: (changed) => {
      watchers.add(changed)
      return { stop: () => void watchers.delete(changed) }
    },
    tell: (next, about, undo) => {
      const told: ((next: T, about?: About) => void)[] = []
      try {
        for (const changed of watchers) {
          changed(next, about)
          told.push(changed)
        }
      } catch (error) {
        undo?.()
        // Those who have begun with the new one go on with the old one as well.
        for (const changed of told) changed(current, about)
        throw error
      }
      current = next
    },
  }
}
