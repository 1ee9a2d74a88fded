import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { playStory, simulate, type Simulation } from '@dure/simulation'
import { sqlite } from 'dure/data'
import { start, type Running, type System } from 'dure/service'
import { storyRecord, tellStory, type Story } from 'dure/story'
import { silentLogger } from 'dure/telemetry'
import { Cart } from './services/cart/contract.ts'
import { Product } from './services/product/contract.ts'
import { Stock } from './services/stock/contract.ts'
import { offerOf } from './simulation/story.ts'
import { ADDRESS, fakeProvider, itemOf } from './shop.test-support.ts'
import { marketplace } from './system.ts'

// No trace is kept: the data themselves are asked.
process.env['OTEL_TRACES_SAMPLER_ARG'] = '0'

/** Its shipments fail for one customer, as a mistake would have it. */
function faulty(system: System): System {
  const services = system.services.map((service) =>
    service.contract.name !== 'shipment'
      ? service
      : {
          ...service,
          reactions: service.reactions.map((one) => ({
            ...one,
            retry: { ...one.retry, attempts: 1 },
            handle: (...given: Parameters<typeof one.handle>): Promise<void> | void => {
              if (given[0].key === '8') throw new TypeError('Cannot find the way to customer 8')
              return one.handle(...given)
            },
          })),
        },
  )
  return { ...system, services }
}

const options = { provider: fakeProvider(({ customerId }) => outcomeOf(customerId)), checkout: 'choreography' as const }
const outcomeOf = (customerId: number) =>
  customerId === 9 ? ({ status: 'declined', reason: 'insufficient_funds' } as const) : ({ status: 'succeeded' } as const)

async function checkout(running: Running, customerId: number, instanceId: string): Promise<void> {
  const cart = running.client(Cart)
  await cart.add({ customerId, ...itemOf(1) })
  const card = { paymentType: 'CREDIT_CARD', cardNumber: '4111222233334444', cardHolderName: 'Ada Kim' } as const
  await cart.checkout({ customerId, ...ADDRESS, ...card, instanceId })
}

const typesOf = ({ messages }: Story): readonly string[] => messages.map(({ type }) => type)

test(
  'without traces the whole story of a checkout is told, of one that failed as well, which fails again when it is played',
  {
    timeout: 180_000,
  },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'marketplace-'))
    const running = await start(faulty(marketplace({ ...options, database: sqlite({ durability: 'process' }) })), {
      ...{ directory, log: silentLogger() },
    })
    t.after(async () => {
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    })
    await running.client(Product).addAll({ items: [{ sellerId: 1, productId: 1, name: 'Thing 1', price: 11, freightValue: 1 }] })
    await running.client(Stock).putAll({ items: [{ sellerId: 1, productId: 1, qtyAvailable: 9 }] })
    for (const customer of [7, 8, 9]) await checkout(running, customer, `t${customer}`)
    while (!(await running.status()).quiet) await sleep(20)

    // By what stands in the data: the shop's own name of the transaction.
    const well = await tellStory(running, { about: '"t7"' })
    assert.deepEqual([well.state, well.reasons, well.unseen, well.spans], ['done', [], [], []])
    const path = ['stock.reserve', 'stock.confirmed', 'invoice.issued', 'payment.confirmed', 'shipment.notification']
    for (const type of path) assert.ok(typesOf(well).includes(type), `${type} of ${typesOf(well).join()}`)
    const [root, ...others] = well.messages
    assert.deepEqual([root!.type, root!.causedBy, root!.source], ['stock.reserve', undefined, 'cart'])
    assert.ok(
      others.every(({ causedBy }) => causedBy !== undefined),
      'one tree',
    )
    assert.deepEqual(
      well.choreographies.map(({ key, ended }) => [key, ended]),
      [['t7', true]],
    )
    assert.doesNotMatch(JSON.stringify(well), /4111222233334444/)

    // An order that was not paid ends as it should.
    const declined = await tellStory(running, { about: '"t9"' })
    assert.ok(typesOf(declined).includes('payment.failed'))
    assert.equal(declined.state, 'done')

    const failed = await tellStory(running, { about: '"t8"' })
    assert.equal(failed.state, 'failed')
    assert.match(
      failed.reasons[0]!,
      /^shipment\/payment\.confirmed gave "payment\.confirmed" up after 1 try \(\w+\): TypeError: Cannot find the way/,
    )
    const story = storyRecord(failed)
    const played = async (make: (system: System) => System): Promise<string> => {
      const simulation: Simulation = {
        system: ({ runtime }) => make(marketplace({ ...options, timers: runtime.timers, markPause: 1_000 })),
        ...{ load: { step: async () => {} }, invariants: {}, story: offerOf },
      }
      const outcome = await simulate({ seed: 1, simulation: playStory(simulation, { story }) })
      return outcome.kind === 'held' ? 'held' : outcome.message
    }
    assert.match(
      await played(faulty),
      /^the same goes wrong as then: shipment\/payment\.confirmed, "payment\.confirmed": TypeError: Cannot find the way/,
    )
    assert.equal(await played((system) => system), 'held')
  },
)
