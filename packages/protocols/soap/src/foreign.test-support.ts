import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { XSI } from './names.ts'
import { modelOf } from './model.ts'
import { shop } from './shop.test-support.ts'
import { contractOf, made } from './values.test-support.ts'
import { wsdlDocument } from './wsdl.ts'
import { xmlWriter } from './write.ts'

/**
 * `node foreign.test-support.ts ZEEP JAXWS GSOAP`: clients that zeep, JAX-WS and gSOAP make of our WSDL call a door; a line for each check.
 * Each word is the folder where it is installed.
 */
const [, , zeep = '', jaxws = '', gsoap = ''] = process.argv
const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'dure-soap-foreign-'))
const sources = join(import.meta.dirname, 'foreign')
const ends: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
const subjects = new Set<string>()

const security = {
  authenticate: ({ header }: { header: (name: string) => string | undefined }) => {
    const [user = '', scope = ''] = Buffer.from(header('authorization')?.split(' ')[1] ?? '', 'base64')
      .toString()
      .split(':')
    subjects.add(user)
    const named = scope !== ''
    return { subject: named ? user : 'guest', kind: 'user' as const, scopes: [named ? scope : 'orders.write'], roles: [] }
  },
}
const { url } = await shop({ after: (end) => void ends.unshift(end as () => unknown) }, { security })
const wsdl = `${url}/orders?wsdl`
let well = true

await judge('zeep', async () => {
  writeFileSync(join(folder, 'documents.json'), JSON.stringify(documents()))
  return program(join(zeep, 'venv/bin/python'), join(sources, 'zeep_client.py'), wsdl, join(folder, 'documents.json'))
})
await judge('JAX-WS', async () => {
  const [made, out, path] = [join(folder, 'java'), join(folder, 'classes'), join(jaxws, 'lib/*')]
  for (const each of [made, out]) mkdirSync(each)
  const quick = '-XX:TieredStopAtLevel=1'
  const how = ['-quiet', '-extension', '-Xnocompile', '-keep', '-s', made, '-d', made, '-p', 'dure.orders']
  await run('java', [quick, '-cp', path, 'com.sun.tools.ws.WsImport', ...how, wsdl])
  // All of them: that of the package says which namespace the others are of.
  const own = readdirSync(join(made, 'dure/orders')).map((file) => join(made, 'dure/orders', file))
  const client = join(sources, 'JaxWsClient.java')
  await run('javac', [`-J${quick}`, '-nowarn', '-cp', path, '-d', out, ...own, client])
  return program('java', quick, '-cp', `${out}:${path}`, 'JaxWsClient', wsdl)
})
await judge('gSOAP', async () => {
  const home = join(gsoap, 'usr')
  const env = { ...process.env, LD_LIBRARY_PATH: join(home, 'lib/x86_64-linux-gnu') }
  const how = { cwd: folder, env }
  writeFileSync(join(folder, 'orders.wsdl'), await (await fetch(wsdl)).text())
  await run(join(home, 'bin/wsdl2h'), ['-t', join(home, 'share/gsoap/WS/typemap.dat'), '-o', 'orders.h', 'orders.wsdl'], how)
  const imports = `-I${join(home, 'share/gsoap/import')}:${join(home, 'share/gsoap')}`
  await run(join(home, 'bin/soapcpp2'), ['-j', '-C', '-r', '-x', imports, 'orders.h'], how)
  const from = [join(sources, 'gsoap_client.cpp'), 'soapC.cpp', 'soapOrdersSoapProxy.cpp']
  const library = join(home, 'lib/x86_64-linux-gnu/libgsoap++.a')
  await run('g++', ['-w', '-I.', `-I${join(home, 'include')}`, ...from, library, '-o', 'client'], how)
  return program(join(folder, 'client'), `${url}/orders`)
})
const known = subjects.has('sori') && subjects.has('')
well &&= known
console.log(`${known ? '✔' : '✖'} the door found out who called, by UsernameToken and by HTTP`)
for (const end of ends) await end()
process.exitCode = well ? 0 : 1

async function judge(name: string, work: () => Promise<boolean>): Promise<void> {
  try {
    well = (await work()) && well
  } catch (error) {
    well = false
    const { stderr = '' } = error as { readonly stderr?: string }
    console.log(`✖ ${name}: ${String(error).slice(0, 500)} ${stderr.slice(0, 500)}`)
  }
}

/** Shows what a program says. Whether it ended well. */
async function program(name: string, ...words: readonly string[]): Promise<boolean> {
  const { stdout, failed } = await run(name, words).then(
    (said) => ({ ...said, failed: false }),
    (error: { readonly stdout?: string; readonly stderr?: string }) => ({
      stdout: `${error.stdout}${error.stderr}`,
      failed: true,
    }),
  )
  console.log(stdout.trim())
  return !failed
}

/** Contracts by chance, with what is written of values of them. */
function documents(): readonly { readonly wsdl: string; readonly documents: readonly string[] }[] {
  return fc.sample(made, 100).map((one) => {
    const contract = contractOf(one)
    const model = modelOf(contract)
    const { output, answer } = model.operations[0]!
    const write = xmlWriter(model).part(output!)
    const written = fc
      .sample(one.value, 5)
      .map((value) => `<${answer} xmlns="${model.namespace}" xmlns:xsi="${XSI}">${write(value)}</${answer}>`)
    return { wsdl: wsdlDocument([contract]), documents: written }
  })
}
