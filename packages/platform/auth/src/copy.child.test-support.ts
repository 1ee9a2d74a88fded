/** A copy of an authorization server in a process of its own, to be killed: says where it listens. */
import { postgres } from '@dure/postgres'
import { SHOP } from './auth.test-support.ts'
import { startAuth, type AuthOptions } from './auth.ts'

const { directory, store, ...options } = JSON.parse(process.argv[2]!) as Partial<AuthOptions> & {
  readonly directory: string
  readonly store?: never
  readonly database?: string
}
const { url } = await startAuth({
  ...{ ...SHOP, port: 0, directory, ...options },
  ...(options.database !== undefined && { store: postgres({ url: options.database }) }),
})
console.log(url)
