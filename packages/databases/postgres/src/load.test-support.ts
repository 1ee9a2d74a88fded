import assert from 'node:assert/strict'
import type { OutboxMessage } from 'dure/data'
import type { Place } from './place.test-support.ts'

/** Publishes to every key in turn until told to stop, each key by one publisher; answers how many there are, failed commits apart. */
export function publishing(
  place: Pick<Place, 'publish'>,
  options: { readonly publishers?: number; readonly pause?: number } = {},
): () => Promise<number> {
  const { publishers = 4, pause = 0 } = options
  let going = true
  let total = 0
  const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`)
  const publisher = async (own: readonly string[]): Promise<void> => {
    for (let round = 0; going; round++) {
      for (const key of own) {
        await place.publish({ type: 'counted', key, data: round })
        total++
        if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }
  const all = Promise.all(Array.from({ length: publishers }, (_, at) => publisher(keys.filter((_, i) => i % publishers === at))))
  return async () => {
    going = false
    await all
    return total
  }
}

/** What a consumer with an inbox makes of what came: each once, and of each key in order. */
export function assertWhole(got: readonly OutboxMessage[], total: number): void {
  const seen = new Set<string>()
  const firsts = got.filter(({ id }) => !seen.has(id) && seen.add(id))
  assert.equal(firsts.length, total, 'lost or invented')
  for (const [key, messages] of Map.groupBy(firsts, (message) => message.key)) {
    assert.deepEqual(
      messages.map(({ data }) => Number(data)),
      messages.map((_, at) => at),
      `the messages of ${key}`,
    )
  }
}
