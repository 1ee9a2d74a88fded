/** A system that offers its orders and, in Korean, its deliveries; and a request as a browser sends it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Apis, apisService } from '@dure/apis'
import type { Client } from 'dure/call'
import { command, contract, describeContract, error, event, query, type ContractDescription } from 'dure/contract'
import { start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { portal, type PortalOptions } from './portal.ts'

export const SCRIPT = '<script>alert(1)</script><img src=x onerror=alert(1)>'

const Item = z.object({ sku: z.string().describe('Of the catalogue'), count: z.int().min(1).max(100) }).meta({ id: 'Item' })
const Placed = event('order.placed', {
  schema: z.object({ orderId: z.string(), items: z.array(Item) }),
  key: ({ orderId }) => orderId,
  description: 'An order was taken',
})

export const orders = (version = '1.0.0', more: Parameters<typeof contract>[1]['operations'] = {}): ContractDescription =>
  describeContract(
    contract('orders', {
      version,
      owner: 'team-checkout',
      description: 'Orders of customers',
      operations: {
        place: command({
          input: z.object({ customer: z.string(), items: z.array(Item), note: z.string().nullable().optional() }),
          output: z.object({ orderId: z.string() }),
          errors: {
            SoldOut: error('SOLD_OUT', {
              status: 'FAILED_PRECONDITION',
              data: z.object({ sku: z.string() }),
              description: 'Not enough is there',
            }),
          },
          http: 'POST /customers/{customer}/orders',
          description: 'Places an order',
        }),
        ...more,
      },
      events: [Placed],
    }),
  )

export const deliveries: ContractDescription = describeContract(
  contract('deliveries', {
    version: '0.3.0',
    owner: 'team-delivery',
    description: '배송을 조회하고 바꿉니다',
    operations: {
      track: query({
        input: z.object({ trackingNumber: z.string().describe('운송장 번호') }),
        output: z.object({ where: z.enum(['depot', 'road', 'door']) }),
        http: 'GET /deliveries/{trackingNumber}',
        description: '상품이 어디에 있는지 봅니다',
      }),
    },
  }),
)

export type Offered = {
  readonly url: string
  readonly publish: Client<typeof Apis>['publish']
  readonly deprecate: Client<typeof Apis>['deprecate']
}

export async function offering(t: Pick<TestContext, 'after'>, options: PortalOptions = {}): Promise<Offered> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-portal-'))
  const shop = system('shop', {
    ...{ services: [apisService()], doors: [portal({ port: 0, ...options })] },
    security: { authenticate: () => undefined },
  })
  const running = await start(shop, { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true, maxRetries: 20 })
  })
  const roles = ['team-checkout', 'team-delivery', 'team-many']
  const { publish, deprecate } = running.client(Apis, { principal: { subject: 'kim', kind: 'user', scopes: [], roles } })
  const free = {
    name: 'free',
    quota: { calls: 1_000, per: 'day', zone: 'Asia/Seoul' },
    approval: 'at once',
    unsettled: 'open',
  } as const
  await publish({ contract: orders(), summary: 'Take orders and follow them', plans: [free] })
  await publish({ contract: deliveries })
  return { url: running.doors[0]!.url!, publish, deprecate }
}

export type Answered = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export function look(
  url: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body: text }))
    })
    sent.on('error', reject).end(body)
  })
}
