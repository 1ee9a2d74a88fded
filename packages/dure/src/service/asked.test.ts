import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { contract, query, stream } from '../contract/contract.ts'
import { FAMILIES, silentLogger } from '../telemetry/telemetry.ts'
import { looking } from './looking.test-support.ts'
import { service, start, system, type Running } from './service.ts'

const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: { left: query({ output: z.int() }), watch: stream({ output: z.int() }) },
})
const Shop = contract('shop', { version: '1.0.0', owner: 'tests', operations: { ask: query({ output: z.int() }) } })
const stock = service(Stock, {
  handlers: {
    left: () => 1,
    watch: async function* () {
      yield 1
    },
  },
})
const shop = service(Shop, {
  needs: { stock: Stock },
  policies: { stock: { breaker: {} } },
  handlers: {
    ask: async (_, { stock: warehouse }) => {
      let sum = 0
      for await (const one of warehouse.watch()) sum += one
      return sum + (await warehouse.left())
    },
  },
})

test('who asked whom is told by the process of whoever asked, once, wherever the others run', async (t) => {
  const { door, metrics } = looking()
  const shops = system('shops', { services: [stock, shop], doors: [door], telemetry: { store: false } })
  const directory = mkdtempSync(join(tmpdir(), 'dure-asked-'))
  const running: Running[] = []
  t.after(async () => {
    for (const one of running.toReversed()) await one.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const run = async (part: readonly string[], copy = 1): Promise<Running> => {
    const one = await start(shops, { directory, part, copy, log: silentLogger(), shutdownTimeout: 500 })
    running.push(one)
    return one
  }
  await run(['broker', 'stock'])
  await run(['shop'])
  await run(['shop'], 2)
  const outside = await run(['doors'])
  const told = async (name: string) => {
    const points = (await metrics()).find((one) => one.name === name)?.points ?? []
    return points.map(({ attributes, ...point }) => [
      `${attributes['dure.copy'] ?? attributes['dure.caller']}>${attributes['rpc.service']}.${attributes['rpc.method']}`,
      'value' in point ? point.value : 0,
    ])
  }
  const client = outside.client(Shop)
  let asked = 0
  const asks = async (): Promise<ReadonlyMap<unknown, unknown>> => {
    assert.equal(await client.ask(), 2)
    asked++
    return new Map((await told(FAMILIES.asked.name)) as [string, number][])
  }
  let all = await asks()
  while (!all.has('shop>stock.left') || !all.has('shop#2>stock.left')) all = await asks()
  const [one, two] = [Number(all.get('shop>stock.left')), Number(all.get('shop#2>stock.left'))]
  assert.equal(one + two, asked)
  assert.deepEqual(
    all,
    new Map([
      ['>shop.ask', asked],
      ...(['left', 'watch'] as const).flatMap((name): readonly [string, number][] => [
        [`shop>stock.${name}`, one],
        [`shop#2>stock.${name}`, two],
      ]),
    ]),
  )
  // What is told of policies is the caller's too.
  const ends = await told(FAMILIES.guarded.name)
  assert.deepEqual(
    ends.filter(([what]) => String(what).endsWith('left')).toSorted(),
    [
      ['shop#2>stock.left', two],
      ['shop>stock.left', one],
    ].toSorted(),
  )
})
