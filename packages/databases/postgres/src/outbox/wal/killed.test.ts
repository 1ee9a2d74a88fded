import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { OutboxMessage } from 'dure/data'
import { assertWhole, publishing } from '../../load.test-support.ts'
import { eventually, onServers, type Place } from './wal.test-support.ts'
import { VERSIONS } from '../../server.test-support.ts'

const check = await onServers(VERSIONS)

/** A relay in a process of its own; what it delivers is taken by a consumer with an inbox, in the database. */
async function processes(place: Place) {
  await place.pool.query(`
    CREATE TABLE seen (id text PRIMARY KEY, at bigint GENERATED ALWAYS AS IDENTITY, key text, data text);
    CREATE TABLE effects (key text PRIMARY KEY, n bigint NOT NULL)`)
  const children: ChildProcess[] = []
  const arrived: OutboxMessage[] = []
  const consume = async (messages: readonly OutboxMessage[]): Promise<void> => {
    await place.pool.query(
      `WITH marked AS (
         INSERT INTO seen (id, key, data)
         SELECT id, key, data FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS came (id, key, data, at) ORDER BY at
         ON CONFLICT DO NOTHING RETURNING key
       )
       INSERT INTO effects SELECT key, count(*) FROM marked GROUP BY key ON CONFLICT (key) DO UPDATE SET n = effects.n + excluded.n`,
      [messages.map(({ id }) => id), messages.map(({ key }) => key), messages.map(({ data }) => data)],
    )
  }
  return {
    arrived,
    start: (name: string, way: 'wal' | 'polling' = 'wal') => {
      const child = fork(new URL('./relay.child.test-support.ts', import.meta.url), {
        env: { ...process.env, RELAY_URL: place.url, RELAY_NAME: name, RELAY_WAY: way },
        execArgv: ['--conditions=dure-source'],
        serialization: 'advanced',
      })
      children.push(child)
      let by = 'none'
      let consuming = Promise.resolve()
      child.on('message', (said: { batch: number; messages: readonly OutboxMessage[] } | { by: string }) => {
        if ('by' in said) return void (by = said.by)
        arrived.push(...said.messages)
        consuming = consuming.then(async () => {
          await consume(said.messages)
          if (child.connected) child.send(said.batch, () => {})
        })
      })
      return {
        by: () => by,
        kill: async (signal: NodeJS.Signals = 'SIGKILL') => {
          child.kill(signal)
          if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
          await consuming
        },
        freeze: () => void child.kill('SIGSTOP'),
        thaw: () => void child.kill('SIGCONT'),
      }
    },
    seen: async (): Promise<readonly OutboxMessage[]> =>
      (await place.pool.query('SELECT id, key, data FROM seen ORDER BY at')).rows as OutboxMessage[],
    effects: async (): Promise<number> =>
      Number((await place.pool.query<{ n: string }>('SELECT sum(n) AS n FROM effects')).rows[0]!.n),
    close: async () => {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    },
  }
}

check(
  'relays killed under load, one after another: at the effect nothing is lost, nothing doubled, each key in order',
  async (place) => {
    const relays = await processes(place)
    try {
      const stop = publishing(place, { pause: 3 })
      for (let kills = 0; kills < 6; kills++) {
        const relay = relays.start(`relay-${kills}`)
        const before = relays.arrived.length
        await eventually(() => relay.by() === 'wal' && relays.arrived.length > before + 30)
        await relay.kill()
      }
      const total = await stop()
      relays.start('last')
      await eventually(async () => (await relays.seen()).length === total)
      assertWhole(await relays.seen(), total)
      assert.equal(await relays.effects(), total)
      assert.ok(relays.arrived.length >= total)
    } finally {
      await relays.close()
    }
  },
)

check(
  'a relay that waits takes over from one that is killed, and from one that is frozen, whose late words are refused',
  async (place) => {
    const relays = await processes(place)
    try {
      const stop = publishing(place, { pause: 3 })
      const first = relays.start('first')
      await eventually(() => first.by() === 'wal')
      const second = relays.start('second')
      await eventually(() => second.by() === 'standby')
      await first.kill()
      await eventually(() => second.by() === 'wal')
      const third = relays.start('third')
      await eventually(() => third.by() === 'standby')
      second.freeze()
      await eventually(() => third.by() === 'wal')
      const before = relays.arrived.length
      await eventually(() => relays.arrived.length > before + 50)
      second.thaw()
      await eventually(() => second.by() === 'standby')
      assert.equal(third.by(), 'wal')
      const total = await stop()
      await eventually(async () => (await relays.seen()).length === total)
      assertWhole(await relays.seen(), total)
      assert.equal(await relays.effects(), total)
    } finally {
      await relays.close()
    }
  },
)

check(
  'relays of the one way and of the other, killed at any moment under load: nothing lost, each key in order',
  async (place) => {
    const relays = await processes(place)
    try {
      const stop = publishing(place, { pause: 3 })
      for (let kills = 0; kills < 12; kills++) {
        const mode = kills % 2 === 0 ? 'wal' : 'polling'
        const relay = relays.start(`relay-${kills}`, mode)
        // Some before they have begun, some in the midst of the switch, some after it.
        if (kills % 4 > 1) await eventually(() => relay.by() === mode)
        await new Promise((resolve) => setTimeout(resolve, (kills * 247) % 600))
        await relay.kill()
      }
      const total = await stop()
      relays.start('last', 'polling')
      await eventually(async () => (await relays.seen()).length === total)
      assertWhole(await relays.seen(), total)
      assert.equal(await relays.effects(), total)
    } finally {
      await relays.close()
    }
  },
)
