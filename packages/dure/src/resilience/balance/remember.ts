/**
 * What a balancer knows of each thing, and of each list of things, by identity. It is found once a list and not once a choice, and
 * what nobody has any more is forgotten with it.
 */
export function remember<T extends object, S>(create: (thing: T) => S): (among: readonly T[]) => readonly S[] {
  const states = new WeakMap<T, S>()
  return once((among: readonly T[]) =>
    among.map((thing) => {
      let state = states.get(thing)
      if (state === undefined) {
        state = create(thing)
        states.set(thing, state)
      }
      return state
    }),
  )
}

/** What is made of a list, made once. */
export function once<T extends object, S>(make: (of: readonly T[]) => S): (of: readonly T[]) => S {
  const known = new WeakMap<readonly T[], S>()
  let last: readonly T[] | undefined
  let lastMade: S
  return (of) => {
    if (of === last) return lastMade
    let made = known.get(of)
    if (made === undefined) {
      made = make(of)
      known.set(of, made)
    }
    last = of
    lastMade = made
    return made
  }
}
