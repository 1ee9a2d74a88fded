import type { Template } from './template.ts'
import { orderFiles } from './shop-order.ts'
import { paymentFiles } from './shop-payment.ts'
import { stockFiles } from './shop-stock.ts'

/** Three services: a command across two of them, events with reactions, an outside provider that fails now and then. */
export const shop: Template = ({ name, say }) => ({
  tries: [
    {
      command: `curl -X POST localhost:8080/orders -H 'content-type: application/json' -d '{"product":"lamp","quantity":2}'`,
      shows: say('orders two lamps', '램프 두 개를 주문합니다'),
    },
    { command: 'curl localhost:8080/orders', shows: say('what became of the orders', '주문이 어떻게 되었는지 봅니다') },
    { command: 'npx dure trace', shows: say('one order over all services', '주문 하나가 서비스를 거친 길을 봅니다') },
    { command: 'npm run sim', shows: say('crashes between any two steps', '단계 사이마다 죽여 봅니다') },
    { command: 'npm start -- --split', shows: say('each service in its own process', '서비스마다 프로세스를 따로 둡니다') },
  ],
  files: {
    'src/system.ts': `import { rest } from '@dure/rest'
import { system } from 'dure/service'
import { order } from './order/service.ts'
import { moodyProvider } from './payment/adapters/moody-provider.ts'
import { payment } from './payment/service.ts'
import { stock } from './stock/service.ts'

export default system('${name}', { services: [order, stock, payment(moodyProvider)], doors: [rest({ port: 8080 })] })

// ${say('For `npm run sim`; loaded when it is asked for.', '`npm run sim`에서만 불러옵니다.')}
export const simulation = async () => (await import('./simulation.ts')).simulation
`,
    'src/simulation.ts': `import assert from 'node:assert/strict'
import { sometimes, type Simulation } from '@dure/simulation'
import { Order } from './order/contract.ts'

/** ${say('What users do, and what must be true once all has come to rest, whatever crashed on the way.', '사용자가 하는 일, 그리고 도중에 무엇이 죽었든 모두 잠잠해진 뒤에 참이어야 하는 것.')} */
export const simulation: Simulation = {
  load: {
    duration: 20_000,
    clients: 3,
    step: async ({ client, random }) => {
      const { status } = await client(Order).place({ product: 'lamp', quantity: 1 + random.integer(3) })
      assert.equal(status, 'placed')
    },
  },
  invariants: {
    'every order comes to an end': ({ rows }) => {
      assert.deepEqual(rows('order', "SELECT id, status FROM orders WHERE status IN ('placed', 'reserved')"), [])
      if (rows('order', "SELECT id FROM orders WHERE status = 'refused'").length > 0) sometimes('a payment was refused')
    },
    'what is paid was taken from stock, once': ({ rows }) => {
      const paid = rows('order', "SELECT id, quantity FROM orders WHERE status = 'paid' ORDER BY id")
      assert.deepEqual(rows('stock', 'SELECT order_id AS id, quantity FROM reservations ORDER BY order_id'), paid)
    },
  },
}
`,
    'src/shop.component.test.ts': `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testSystem } from '@dure/testing'
import { Order } from './order/contract.ts'
import { order } from './order/service.ts'
import { payment } from './payment/service.ts'
import { Stock } from './stock/contract.ts'
import { stock } from './stock/service.ts'

test('${say('an order is reserved and paid, though the provider fails first', '결제 대행사가 처음에 실패해도 주문은 예약되고 결제된다')}', async () => {
  const keys: string[] = []
  const provider = {
    charge: async ({ key }: { key: string }) => {
      keys.push(key)
      if (keys.length < 3) throw new Error('No answer')
      return 'taken' as const
    },
  }
  await using tested = await testSystem([order, stock, payment(provider)])
  const { id } = await tested.client(Order).place({ product: 'lamp', quantity: 2 })
  await tested.settled()
  assert.equal((await tested.client(Order).find({ id })).status, 'paid')
  assert.equal((await tested.client(Stock).level({ product: 'lamp' })).left, 98)
  // ${say('The same key each time: the provider can tell that it is one charge.', '매번 같은 키를 보내므로, 대행사는 한 번의 결제임을 알 수 있습니다.')}
  assert.equal(new Set(keys).size, 1)
})

test('${say('what was refused goes back into stock, and what is not there is not sold', '거절된 것은 재고로 돌아가고, 없는 것은 팔지 않는다')}', async () => {
  const provider = { charge: async () => 'refused' as const }
  await using tested = await testSystem([order, stock, payment(provider)])
  const refused = await tested.client(Order).place({ product: 'lamp', quantity: 2 })
  const many = await tested.client(Order).place({ product: 'lamp', quantity: 1_000 })
  await tested.settled()
  assert.equal((await tested.client(Order).find({ id: refused.id })).status, 'refused')
  assert.equal((await tested.client(Order).find({ id: many.id })).status, 'sold out')
  assert.equal((await tested.client(Stock).level({ product: 'lamp' })).left, 100)
})
`,
    ...orderFiles(say),
    ...stockFiles(say),
    ...paymentFiles(say),
  },
})
