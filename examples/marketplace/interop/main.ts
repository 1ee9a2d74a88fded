/**
 * `npm run interop`: the marketplace with every door at once, and clients of others that ask each of them the same; pass or fail per case.
 * The words are folders: of grpcio's Python, of gRPC's Go programs, of zeep's Python, and of the sockets' Python. h2spec is not among them: it
 * wants requests to be waited for to their end, and a gRPC door refuses at once what is no gRPC; `npm run peers -- h2spec` judges what it stands on.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { protoDocument } from '@dure/grpc'
import { thriftDocument } from '@dure/thrift'
import { Cart } from '../services/cart/contract.ts'
import { Product } from '../services/product/contract.ts'
import { openEveryDoor } from './every-door.ts'

const [grpcio = '', grpcGo = '', zeep = '', sockets = ''] = process.argv.slice(2)
const PYTHON = 'venv/bin/python'
const SYSTEM_PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

const folder = mkdtempSync(join(tmpdir(), 'dure-interop-'))
const shop = await openEveryDoor(join(folder, 'shop'))
const { url, host } = shop
let failed = 0
try {
  await client('rest', SYSTEM_PYTHON, url.rest)
  await client('graphql', SYSTEM_PYTHON, url.graphql)
  await client('grpc', python(grpcio), host.grpc, protos())
  await client('soap', python(zeep), url.soap)
  const idl = await thriftClient()
  for (const protocol of ['thrift', 'thrift-compact'])
    await client(protocol, idl === undefined ? '' : SYSTEM_PYTHON, host.thrift, idl)
  await client('websocket', python(sockets), url.websocket)
  await client('tcp', SYSTEM_PYTHON, host.tcp)
  await client('udp', SYSTEM_PYTHON, host.udp)
  await healthOf(['', 'cart.v1.CartService', 'product.v1.ProductService'])
  tell('the carts of all protocols are one store', await shop.carts(), 9)
} finally {
  await shop.stop()
  rmSync(folder, { recursive: true, force: true })
}
console.log(failed === 0 ? '✔ every case passed' : `✖ ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

/** Runs the program; its lines are the cases. */
async function client(protocol: string, program: string, address: string, made: string = ''): Promise<void> {
  if (program === '') return tell(`${protocol}: its client is not installed`, 'absent', 'there')
  const words = [join(import.meta.dirname, 'clients.py'), protocol, address, ...(made === '' ? [] : [made])]
  const { code, output } = await run(program, words)
  console.log(output.trim())
  if (code !== 0) failed++
}

/** The documents that the contracts give, as files for a compiler. */
function protos(): string {
  const place = join(folder, 'protos')
  for (const { file, text } of [Cart, Product].map((one) => protoDocument(one))) {
    mkdirSync(dirname(join(place, file)), { recursive: true })
    writeFileSync(join(place, file), text)
  }
  return place
}

/** What Thrift's compiler makes of our IDL, for Python. */
async function thriftClient(): Promise<string | undefined> {
  const [file, out] = [join(folder, 'shop.thrift'), join(folder, 'thrift')]
  mkdirSync(out)
  writeFileSync(file, thriftDocument([Cart, Product], { namespace: 'shop' }))
  const { code, output } = await run('thrift', ['--strict', '-out', out, '--gen', 'py', file])
  if (code !== 0) console.log(output.trim())
  return code === 0 ? out : undefined
}

async function healthOf(services: readonly string[]): Promise<void> {
  const probe = join(grpcGo, 'bin/grpc-health-probe')
  for (const service of services) {
    const { code, output } = await run(probe, ['-addr', host.grpc, '-service', service, '-rpc-timeout', '60s'])
    tell(
      `grpc_health_probe: ${service === '' ? 'the server' : service} is serving`,
      code === 0 ? 'serving' : output.trim(),
      'serving',
    )
  }
}

function tell(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted) failed++
  console.log(found === wanted ? `✔ ${what}` : `✖ ${what}: ${String(found)}, and not ${String(wanted)}`)
}

function python(home: string): string {
  return home === '' ? '' : join(home, PYTHON)
}

async function run(program: string, words: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => void (output += text))
  const [code] = (await once(child, 'close').catch((error: unknown) => [String(error)])) as [number | string | null]
  return typeof code === 'number' ? { code, output } : { code: 1, output: `${program}: ${String(code)}` }
}
