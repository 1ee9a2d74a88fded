/** Verifies a provider at a URL by a pact, as a process: `verify.ts URL FILE`. */
import { verifyContracts } from '@dure/testing/contracts'

const [url = '', pacts = ''] = process.argv.slice(2)
const { ok } = await verifyContracts({ url, name: 'prices' }, { pacts })
process.exitCode = ok ? 0 : 1
