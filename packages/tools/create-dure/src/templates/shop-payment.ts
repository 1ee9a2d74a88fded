import type { Say } from './template.ts'

export const paymentFiles = (say: Say): Readonly<Record<string, string>> => ({
  'src/payment/contract.ts': `import { contract, event } from 'dure/contract'
import { z } from 'zod'

const Charge = z.object({ orderId: z.string(), cents: z.int() })

export const PaymentTaken = event('payment.taken', { schema: Charge, key: ({ orderId }) => orderId })
export const PaymentRefused = event('payment.refused', { schema: Charge, key: ({ orderId }) => orderId })

/** ${say('It is asked nothing: it reacts, and announces.', '물어볼 것이 없습니다. 반응하고, 알릴 뿐입니다.')} */
export const Payment = contract('payment', {
  version: '1.0.0',
  owner: 'team-payment',
  operations: {},
  events: [PaymentTaken, PaymentRefused],
})
`,
  'src/payment/domain/provider.ts': `import type { Random } from 'dure/runtime'

export type Charge = {
  /** ${say('The same for every try of one payment: by it the provider knows that it is one.', '한 결제를 다시 시도해도 같은 값입니다. 대행사는 이것으로 같은 결제임을 압니다.')} */
  readonly key: string
  readonly cents: number
}

/** ${say('A port: what payment needs of the world, in its own words. It may fail, and is asked again.', '포트입니다. 결제가 바깥에 바라는 것을 결제의 말로 적습니다. 실패할 수 있고, 그러면 다시 묻습니다.')} */
export type Provider = {
  readonly charge: (charge: Charge, world: { readonly random: Random; readonly signal: AbortSignal }) => Promise<'taken' | 'refused'>
}
`,
  'src/payment/adapters/moody-provider.ts': `import type { Provider } from '../domain/provider.ts'

/** ${say('Stands for a provider outside. By design it does not answer every fifth time, and refuses large sums.', '바깥의 대행사를 대신합니다. 다섯 번에 한 번은 일부러 답하지 않고, 큰 금액은 거절합니다.')} */
export const moodyProvider: Provider = {
  charge: async ({ cents }, { random }) => {
    if (random.integer(5) === 0) throw new Error('The payment provider did not answer (by design)')
    return cents > 20_000 ? 'refused' : 'taken'
  },
}
`,
  'src/payment/service.ts': `import { database } from 'dure/data'
import { service } from 'dure/service'
import { OrderReserved } from '../order/contract.ts'
import { Payment, PaymentRefused, PaymentTaken } from './contract.ts'
import type { Provider } from './domain/provider.ts'

type Tables = { payments: { order_id: string; cents: number; outcome: string } }

/** ${say('Payments, taken through the given provider.', '주어진 대행사로 결제합니다.')} */
export const payment = (provider: Provider) =>
  service(Payment, {
    database: database<Tables>({
      migrations: {
        '001-payments': 'CREATE TABLE payments (order_id TEXT PRIMARY KEY, cents INTEGER NOT NULL, outcome TEXT NOT NULL)',
      },
    }),
    handlers: {},
    subscriptions: ({ on }) => [
      on(OrderReserved, {
        retry: { attempts: 100, first: 50, max: 5_000 },
        // ${say('Outside of any transaction; a second try says the same key.', '트랜잭션 밖에서 부릅니다. 다시 부를 때도 같은 키를 보냅니다.')}
        prepare: ({ data: { id, cents } }, { random, signal }) => provider.charge({ key: id, cents }, { random, signal }),
        handle: async ({ data: { id, cents } }, { tx }, outcome) => {
          await tx.insertInto('payments').values({ order_id: id, cents, outcome }).execute()
          await tx.publish(outcome === 'taken' ? PaymentTaken : PaymentRefused, { orderId: id, cents })
        },
      }),
    ],
  })
`,
})
