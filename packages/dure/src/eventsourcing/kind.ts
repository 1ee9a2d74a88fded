import type { ExtensionKind } from '../service/internal.ts'
import { decodeWith } from './codec.ts'
import { controlOf } from './control.ts'
import type { AnyAggregate } from './definition.ts'
import { joinTransaction, type EventWorld } from './join.ts'
import { subjectKeys } from './keys.ts'
import { offerReader } from './reader.ts'
import { createSeals, forgetful } from './seals.ts'
import { keyMigrations, migrations } from './tables.ts'

/** What has aggregates work in a service. */
export const aggregates: ExtensionKind = {
  name: 'aggregate',
  migrations,
  open: async (host, values) => {
    const all = new Map((values as readonly AnyAggregate[]).map((one) => [one.name, one]))
    const personal = [...all.values()].some((one) => Object.keys(one.personal).length > 0)
    const keyStore = personal ? await host.openStore('subject-keys', { migrations: keyMigrations }) : undefined
    const keys = keyStore && subjectKeys(keyStore, host.runtime)
    const seals = keys && createSeals(keys, host.runtime.random)
    const world: EventWorld = {
      host,
      aggregates: all,
      decode: decodeWith(all, seals),
      seals,
      known: new Map(),
      written: new WeakMap(),
      stored: new Set(),
    }
    const reader = offerReader(world, keys)
    return {
      join: (tx, origin) => joinTransaction(world, tx, origin),
      changes: ['forget'],
      control: controlOf(world, { forget: reader.forget, blind: keys && forgetful(host.runtime.random) }),
      stop: async ({ timeout }) => keyStore?.stop({ timeout }),
    }
  },
}
