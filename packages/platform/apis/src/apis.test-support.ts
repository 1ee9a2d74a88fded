import type { TestContext } from 'node:test'
import { testSystem, type TestSystem, type TestSystemOptions } from '@dure/testing'
import { contract, describeContract, query, type ContractDescription, type Principal } from 'dure/contract'
import type { Client } from 'dure/call'
import { servicePrincipal } from 'dure/contract/internal'
import { z } from 'zod'
import { Apis, apisService } from './apis.ts'
import type { Plan } from './values.ts'
import type { GatewayReport } from './values.ts'

export const person = (subject: string, ...roles: string[]): Principal => ({ subject, kind: 'user', scopes: [], roles })
export const KIM: Principal = person('kim', 'team-checkout')
export const ANA: Principal = person('ana')

export const described = (version: string, more: Parameters<typeof contract>[1]['operations'] = {}): ContractDescription =>
  describeContract(
    contract('orders', {
      version,
      owner: 'team-checkout',
      operations: { count: query({ output: z.int(), http: 'GET /orders/count' }), ...more },
    }),
  )

export const FREE: Plan = { name: 'free', approval: 'at once', unsettled: 'open' }
export const QUOTA = { calls: 100, per: 'day', zone: 'Asia/Seoul' } as const

export type ApisClient = Client<typeof Apis>
export type Managed = TestSystem & { readonly as: (principal: Principal) => ApisClient; readonly gateway: ApisClient }

export async function managing(t: Pick<TestContext, 'after'>, options: TestSystemOptions = {}): Promise<Managed> {
  const system = await testSystem(apisService(), options)
  t.after(() => system.stop())
  const as = (principal: Principal): ApisClient => system.client(Apis, { principal })
  return Object.assign(system, { as, gateway: as(servicePrincipal('gateway')) })
}

/** Orders is published with these plans, and an application of Ana's has subscribed to the first. */
export async function subscribed(system: Managed, plans: readonly Plan[] = [FREE]) {
  await system.as(KIM).publish({ contract: described('1.0.0'), plans: [...plans] })
  const ana = system.as(ANA)
  const { id: application } = await ana.addApplication({ name: 'Shelf' })
  const { id: subscription, state } = await ana.subscribe({ application, product: 'orders', plan: plans[0]!.name })
  return { ana, application, subscription, state }
}

export const report = (gateway: string, batch: number, more: Partial<GatewayReport> = {}): GatewayReport => ({
  ...{ gateway, batch, after: 0, used: [], counts: [], keys: [] },
  ...more,
})
