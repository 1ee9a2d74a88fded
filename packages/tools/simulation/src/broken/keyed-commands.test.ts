import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CommandRecord, CommandRun, Records, Store } from 'dure/data'
import { describeOutcome, explore, type FaultKind, type Simulation } from '../simulation.ts'
import { selling } from './keyed-commands.test-support.ts'

type Idempotency = Records['idempotency']
type Mistake = {
  readonly store: NonNullable<Simulation['store']>
  /** The invariant that finds it. */
  readonly invariant: string
  readonly faults?: readonly FaultKind[]
}

const withRecords = (store: Store, idempotency: Partial<Idempotency>): Store => ({
  ...store,
  records: { ...store.records, idempotency: { ...store.records.idempotency, ...idempotency } },
})

/** Each process keeps what it knows of commands to itself. */
function inMemory(): Idempotency {
  const known = new Map<string, CommandRecord>()
  const slotOf = ({ operation, key }: Pick<CommandRun, 'operation' | 'key'>): string => `${operation} ${key}`
  const write = (run: CommandRun, instead: string | undefined, outcome: CommandRecord['outcome'], body = run.run): boolean => {
    const found = known.get(slotOf(run))
    if (found !== undefined && found.body !== instead) return false
    known.set(slotOf(run), { ...run, outcome, body, remaining: 60_000 })
    return true
  }
  return {
    find: async (key) => known.get(slotOf(key)),
    begin: async (_tx, { instead, ...run }) => write(run, instead?.body, 'running'),
    commit: async (_tx, run) => write(run, run.run, 'committed'),
    answer: async (_tx, { outcome, body, ...run }) => write(run, run.run, outcome, body),
    end: async (_tx, key) => void known.delete(slotOf(key)),
    release: async () => {},
  }
}

const MISTAKES: Readonly<Record<string, Mistake>> = {
  'what became of commands is kept in memory': {
    store: (store) => withRecords(store, inMemory()),
    invariant: 'a command is carried out once',
  },
  'who was overtaken commits all the same': {
    store: (store) => {
      const { commit } = store.records.idempotency
      return withRecords(store, { commit: async (tx, run) => (await commit(tx, run)) || true })
    },
    invariant: 'a command is carried out once',
  },
  'a lease is over by the clock of the one that wants it': {
    store: (store, { runtime: { clock } }) => {
      const { begin, find } = store.records.idempotency
      return withRecords(store, {
        begin: (tx, run) => begin(tx, { ...run, owner: `${run.owner} ${clock.now() + run.lease}` }),
        find: async (key) => {
          const found = await find(key)
          const [owner = '', until] = found?.owner.split(' ') ?? []
          return found && { ...found, owner, remaining: until === undefined ? found.remaining : Number(until) - clock.now() }
        },
      })
    },
    invariant: 'nobody carries out what another is carrying out in its time',
    faults: ['clock jump'],
  },
  'a member has the name of its copy, life after life': {
    store: (store, { name }) => ({ ...store, member: name }),
    invariant: 'nobody carries out what another is carrying out in its time',
  },
}
const SEEDS = 200

for (const [what, { store, invariant, faults }] of Object.entries(MISTAKES)) {
  test(`keyed commands, found: ${what}`, { timeout: 300_000 }, async (t) => {
    const broken = (): Simulation => ({ ...selling(), store })
    const { failures, seeds } = await explore({ simulation: broken, seeds: SEEDS, failures: 1, verify: 0, faults })
    const [found] = failures
    assert.ok(found !== undefined, `not found in ${SEEDS} seeds`)
    assert.ok(found.kind === 'violated' && found.invariant === invariant, describeOutcome(found))
    const sound = await explore({ simulation: selling, seeds, failures: 1, verify: 0, faults })
    assert.deepEqual(sound.failures.map(describeOutcome), [])
    t.diagnostic(`seed ${found.seed}: ${invariant}`)
  })
}
