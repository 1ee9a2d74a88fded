/** What the portal asks of API management. */
import type { Apis } from '@dure/apis'
import type { Client } from 'dure/call'

export type Product = Awaited<ReturnType<Client<typeof Apis>['products']>>[number]
export type Described = Awaited<ReturnType<Client<typeof Apis>['described']>>

/** As much of API management as the portal asks. */
export type ApisClient = {
  readonly products: () => Promise<readonly Product[]>
  readonly described: (of: { readonly product: string; readonly line?: string }) => Promise<Described>
}
