/** `npm run peers -- buf`: buf on the drawn .proto files, and what it says of changes beside what `dure compat` says. One line a check. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { compareContracts, contract, describeContract, query, type AnyContract } from 'dure/contract'
import { drawNumbers } from 'dure/contract/internal'
import { z } from 'zod'
import { protoDocument } from './grpc.ts'
import { Orders } from './shop.test-support.ts'

const [buf = 'buf'] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'dure-buf-'))
// Types are called as the contract calls them, for every protocol.
const CONFIG = `version: v2
lint:
  use: [STANDARD]
  except: [RPC_REQUEST_STANDARD_NAME, RPC_RESPONSE_STANDARD_NAME]
breaking:
  use: [WIRE_JSON]
`
let well = true
function check(name: string, right: boolean, found: string): void {
  well &&= right
  console.log(`${right ? '✔' : '✖'} buf: ${name}${right ? '' : `: ${found}`}`)
}

function drawn(name: string, of: AnyContract): string {
  const place = join(folder, name)
  const { file, text } = protoDocument(of)
  mkdirSync(dirname(join(place, file)), { recursive: true })
  writeFileSync(join(place, file), text)
  writeFileSync(join(place, 'buf.yaml'), CONFIG)
  return place
}

function ask(...words: readonly string[]): { readonly fits: boolean; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(buf, words, { encoding: 'utf8', env: { ...process.env, BUF_CACHE_DIR: folder } })
  return { fits: status === 0, output: `${stdout}${stderr}`.replaceAll(folder, '') }
}

function stock(fields: z.ZodRawShape, numbers?: AnyContract['numbers']): AnyContract {
  const input = z.object({ id: z.string() })
  const operations = { find: query({ input, output: z.object({ id: z.string(), ...fields }) }) }
  const one = contract('stock', { version: '1.0.0', owner: 'tests', operations, ...(numbers && { numbers }) })
  return { ...one, numbers: drawNumbers(one) }
}

try {
  const lint = ask('lint', drawn('orders', Orders))
  check('lint takes the orders of the tests', lint.fits, lint.output)

  const before = stock({ left: z.int32(), colour: z.string().optional() })
  const known = before.numbers!
  const [type = ''] = Object.keys(known).filter((each) => 'left' in known[each]!)
  const more = { left: z.int32(), colour: z.string().optional(), size: z.int32().optional() }
  const changes: Readonly<Record<string, AnyContract>> = {
    'a field that is added': stock(more, known),
    'a field that is removed, whose number is kept': stock({ left: z.int32() }, known),
    'a field that is removed, whose number is forgotten': {
      ...stock({ left: z.int32() }),
      numbers: { ...known, [type]: { id: known[type]!['id']!, left: known[type]!['left']! } },
    },
    'a field that is renumbered': {
      ...before,
      numbers: { ...known, [type]: { ...known[type], left: 9 } },
    },
    'numbers that are exchanged': {
      ...before,
      numbers: { ...known, [type]: { ...known[type], left: known[type]!['colour']!, colour: known[type]!['left']! } },
    },
    'a field of another type': stock({ left: z.string(), colour: z.string().optional() }, known),
  }
  const old = drawn('before', before)
  for (const [name, after] of Object.entries(changes)) {
    const place = name.replaceAll(/\W+/g, '-')
    const { fits, output } = ask('breaking', drawn(place, after), '--against', old)
    const breaking = compareContracts(describeContract(before), describeContract(after)).filter(
      ({ level }) => level === 'breaking',
    )
    const said = breaking.map(({ where, message }) => `${where} ${message}`).join('; ')
    check(
      `${name}: both say that it ${fits ? 'fits' : 'breaks'}`,
      fits === (breaking.length === 0),
      `buf says it ${fits ? 'fits' : `breaks (${output.trim()})`}, "dure compat" that it ${said === '' ? 'fits' : `breaks (${said})`}`,
    )
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = well ? 0 : 1
