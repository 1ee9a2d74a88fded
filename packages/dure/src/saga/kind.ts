import type { ExtensionKind } from '../service/internal.ts'
import { FAMILIES, type Reading } from '../telemetry/telemetry.ts'
import type { AnySaga } from './definition.ts'
import { sagaControl } from './control.ts'
import { checkFit } from './fit.ts'
import { createHands, filterOf } from './hands.ts'
import { createKeys } from './keys.ts'
import { joinTransaction } from './join.ts'
import { sagaRecords } from './records.ts'
import { migrations } from './tables.ts'
import type { SagaWorld } from './world.ts'

/** What a saga that has not ended is. */
const OPEN = ['running', 'compensating', 'paused'] as const

/** Of the sagas that are listed: those of other releases are theirs to tell. */
async function readingsOf({ records, sagas: all }: SagaWorld): Promise<readonly Reading[]> {
  const rows = await records.open()
  return [...all.keys()].flatMap((name) => {
    const own = rows.filter(({ saga }) => saga === name)
    const attributes = { 'dure.saga.name': name }
    return [
      ...OPEN.map((state): Reading => {
        const value = own.find((one) => one.state === state)?.count ?? 0
        return { family: FAMILIES.sagas, attributes: { ...attributes, 'dure.saga.state': state }, value }
      }),
      { family: FAMILIES.sagasAge, attributes, value: Math.max(0, ...own.map(({ age }) => age)) / 1_000 },
    ]
  })
}

/** What has sagas work in a service. */
export const sagas: ExtensionKind = {
  name: 'saga',
  migrations,
  open: async (host, values) => {
    const all = new Map((values as readonly AnySaga[]).map((one) => [one.name, one]))
    const records = sagaRecords(host.store)
    const makers = new Map<AnySaga, ReturnType<typeof host.contexts>>()
    const contexts: SagaWorld['contexts'] = (saga) => {
      const maker = makers.get(saga) ?? host.contexts(saga.needs ?? {})
      makers.set(saga, maker)
      return maker
    }
    const hands = createHands(() => world, host, records)
    const world: SagaWorld = { host, records, sagas: all, hands, contexts, keys: createKeys(host) }
    await checkFit(world)
    return {
      changes: ['resume', 'skip', 'compensate', 'signal'],
      control: sagaControl(world),
      join: (tx, origin) => joinTransaction(world, tx, origin),
      listen: hands.begin,
      readings: () => readingsOf(world),
      busy: () => records.busy(filterOf(all)),
      stop: hands.stop,
    }
  },
}
