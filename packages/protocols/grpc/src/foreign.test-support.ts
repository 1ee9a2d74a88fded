/** `npm run peers -- grpc`: programs of others on a door of ours, one line a check. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { webClientCalls } from './connect.test-support.ts'
import { protoDocument } from './grpc.ts'
import { interopCases } from './interop.test-support.ts'
import { Orders, shop } from './shop.test-support.ts'

const [python = 'python3', go = '', connect = ''] = process.argv.slice(2)
const { address, running } = await shop(undefined)
const folder = mkdtempSync(join(tmpdir(), 'dure-grpc-peers-'))
const { file, text } = protoDocument(Orders)
let well = true
try {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
  await ask(python, [join(import.meta.dirname, '../../../../checks/judges/grpc_calls.py'), address, folder])
  await ask(await goClient(), [address])
  await serving()
  await byWeb()
  await interopCases(join(go, 'bin/client'), (name, wrong) => tell(`interop, ${name}`, wrong))
} finally {
  await running.stop()
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = well ? 0 : 1

/** The client that protoc's plugins for Go make of the drawn document, as a program. */
async function goClient(): Promise<string> {
  const client = join(folder, 'go')
  mkdirSync(client)
  for (const each of ['go.mod', 'go.sum', 'main.go']) copyFileSync(join(go, each), join(client, each))
  const how = ['go', 'go-grpc'].flatMap((plugin) => [
    `--plugin=${join(go, 'bin', `protoc-gen-${plugin}`)}`,
    `--${plugin}_out=${client}`,
    `--${plugin}_opt=module=judge,M${file}=judge/orders`,
  ])
  await ask(python, ['-m', 'grpc_tools.protoc', '-I', folder, ...how, file])
  const program = join(client, 'judge')
  await ask('go', ['build', '-C', client, '-o', program, '.'])
  return program
}

/** A browser's client, over HTTP/1.1 as it is without TLS. */
async function byWeb(): Promise<void> {
  const descriptors = join(folder, 'descriptors.bin')
  const how = ['-I', folder, '--include_imports', `--descriptor_set_out=${descriptors}`]
  await ask(python, ['-m', 'grpc_tools.protoc', ...how, file])
  await webClientCalls({ address, folder: connect, descriptors }, async (what, check) => {
    const wrong = await check().then(
      () => undefined,
      (error: unknown) => String(error),
    )
    tell(`connect-web, ${what}`, wrong)
  })
}

function tell(what: string, wrong: string | undefined): void {
  console.log(wrong === undefined ? `✔ ${what}` : `✖ ${what}: ${wrong}`)
  well &&= wrong === undefined
}

async function serving(): Promise<void> {
  for (const service of ['', 'orders.v1.OrdersService']) {
    const is = await ask(join(go, 'bin/grpc-health-probe'), ['-addr', address, '-service', service, '-rpc-timeout', '60s'])
    tell(`grpc_health_probe: ${service === '' ? 'the server' : service} is serving`, is ? undefined : 'it is not')
  }
}

async function ask(program: string, words: readonly string[]): Promise<boolean> {
  const [code] = (await once(spawn(program, words, { stdio: 'inherit' }), 'close')) as [number]
  well &&= code === 0
  return code === 0
}
