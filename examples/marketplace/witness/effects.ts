import { announced, type Testimony } from './witness.ts'

/** What became of every event at every one of its consumers. */
export type Effects = {
  /** Events that never had their effect. */
  readonly lost: readonly string[]
  /** Effects that came twice, or of what was never announced. */
  readonly doubled: readonly string[]
  /** Effects that came before one whose event has the same key and the same source, and was committed earlier. */
  readonly overtaken: readonly string[]
  readonly consumers: number
  readonly effects: number
  /** Of a consumer and a source each. */
  readonly keys: number
}

/** @param isUnordered whether a consumer is promised no order, as of work from a queue */
export function judgeEffects(testimony: Testimony, isUnordered: (consumer: string) => boolean = () => false): Effects {
  const [lost, doubled, overtaken]: [string[], string[], string[]] = [[], [], []]
  let [effects, keys] = [0, 0]
  for (const [consumer, handled] of testimony.effects) {
    const type = typeOf(consumer)
    effects += handled.length
    const left = new Set<string>()
    for (const { id } of handled) {
      if (left.has(id)) doubled.push(`${consumer}: ${id} had its effect twice`)
      left.add(id)
    }
    for (const { id } of announced(testimony, type)) if (!left.delete(id)) lost.push(`${consumer}: ${id} never had its effect`)
    for (const id of left) doubled.push(`${consumer}: ${id} had an effect and was never announced`)
  }
  for (const [consumer, handled] of testimony.handled) {
    if (isUnordered(consumer)) continue
    const place = new Map(handled.map(({ id, position }) => [id, position]))
    for (const [source, all] of testimony.events.get(typeOf(consumer)) ?? []) {
      const last = new Map<string, number>()
      for (const { id, key } of all) {
        const [at, before] = [place.get(id), last.get(key)]
        // Lost; or something was done in its place.
        if (at === undefined) continue
        if (before === undefined) keys++
        else if (at < before)
          overtaken.push(`${consumer}: ${id} of ${source}, key ${key}, came before one that was committed earlier`)
        last.set(key, at)
      }
    }
  }
  return { lost, doubled, overtaken, consumers: testimony.effects.size, effects, keys }
}

/**
 * What a reaction reacts to: it is named like that, or, where it is of a choreography, at its end. Replies are sent to whoever asked, so their
 * type names it.
 */
function typeOf(consumer: string): string {
  const [service = '', name = ''] = consumer.split('/')
  const type = name.split(' ').at(-1)!
  return type.endsWith('.reply') ? `${type}.${service}` : type
}
