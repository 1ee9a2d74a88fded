/** What others' programs say of the documents and of the doors behind them: one line a judge. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { root, run } from '../shell.ts'
import { jars, java, linters, python, type Judges } from './installed.ts'

/** A running system and its document. */
export type Subject = {
  readonly name: 'nasty' | 'marketplace' | 'tasks'
  readonly url: string
  readonly folder: string
  readonly document: string
}

export type Judge = {
  readonly name: string
  readonly needs: Judges
  /** Says in one line what was found to be right. @throws {Error} with what is not */
  readonly judge: (subject: Subject) => Promise<string>
}

/** Every judge, in the order of their cost. */
export const judges: readonly Judge[] = [
  { name: 'spectral', needs: linters, judge: spectral },
  { name: 'redocly', needs: linters, judge: redocly },
  { name: 'openapi-python-client', needs: python, judge: pythonClient },
  { name: 'openapi-generator for Java', needs: java, judge: javaClient },
  { name: 'schemathesis', needs: python, judge: schemathesis },
]

async function spectral({ document, folder }: Subject): Promise<string> {
  const rules = join(folder, 'spectral.yaml')
  writeFileSync(rules, 'extends: ["spectral:oas"]\n')
  const bin = join(linters.folder, 'node_modules/@stoplight/spectral-cli/dist/index.js')
  await must('node', [bin, 'lint', document, '--ruleset', rules, '--fail-severity', 'error', '--quiet'])
  return 'no errors'
}

async function redocly({ document }: Subject): Promise<string> {
  await must('node', [join(linters.folder, 'node_modules/@redocly/cli/bin/cli.js'), 'lint', document, '--format', 'summary'])
  return 'no errors'
}

async function pythonClient({ name, url, folder, document }: Subject): Promise<string> {
  const bin = join(python.folder, 'venv/bin')
  const client = join(folder, 'python')
  const said = await must(join(bin, 'openapi-python-client'), ['generate', '--path', document, '--output-path', client])
  const left = /Endpoint will not be generated|Unable to process schema/.exec(said)
  if (left !== null) throw new Error(`Something was left out: ${said}`)
  await must(join(bin, 'python'), [join(import.meta.dirname, 'calls.py'), client, name, url])
  return 'generates, calls, and knows declared errors'
}

async function javaClient({ name, url, folder, document }: Subject): Promise<string> {
  const { all, generator } = jars()
  const client = join(folder, 'java')
  const options = 'library=native,hideGenerationTimestamp=true,openApiNullable=false,useJakartaEe=true'
  await must('java', [
    '-jar',
    generator,
    'generate',
    '-i',
    document,
    '-g',
    'java',
    '-o',
    client,
    '--additional-properties',
    options,
  ])
  const calls = name === 'nasty' ? 'NastyCalls' : 'MarketplaceCalls'
  const source = join(client, 'src/main/java')
  const files = (await readdir(source, { recursive: true })).filter((file) => file.endsWith('.java'))
  const classes = join(folder, 'classes')
  const sources = [...files.map((file) => join(source, file)), join(import.meta.dirname, `${calls}.java`)]
  await must('javac', ['-nowarn', '-encoding', 'UTF-8', '-d', classes, '-cp', all, ...sources])
  await must('java', ['-cp', `${all}${delimiter}${classes}`, calls, url])
  return `generates, compiles (${files.length} files), calls, and knows declared errors`
}

type Report = {
  readonly complete: boolean
  readonly operations: { readonly tested: number }
  readonly test_cases: { readonly generated: number }
  readonly failures: readonly { readonly code: string; readonly title: string; readonly operations: readonly string[] }[]
  readonly errors: readonly unknown[]
}

async function schemathesis({ name, url, folder }: Subject): Promise<string> {
  const file = join(folder, 'schemathesis.json')
  const { exclude, examples, allowed } = accepted(name)
  const flags = ['--max-examples', String(examples), '--generation-deterministic', '--phases', 'examples,coverage,fuzzing']
  const words = [...flags, '--no-color', '--report', 'json', '--report-json-path', file]
  const skipped = exclude.flatMap((path) => ['--exclude-path', path])
  const { output } = await run(join(python.folder, 'venv/bin/st'), ['run', `${url}/openapi.json`, ...words, ...skipped], folder)
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report
  const found = report.failures.flatMap(({ code, operations }) => operations.map((operation) => `${code} ${operation}`))
  const news = found.filter((finding) => !allowed.some((pattern) => pattern.test(finding)))
  if (!report.complete || report.errors.length > 0 || news.length > 0)
    throw new Error(`Findings that are not written down: ${news.join(', ') || 'errors'}\n${output}`)
  const { operations, test_cases: cases } = report
  return `${operations.tested} operations, ${cases.generated} requests, ${found.length} findings, all written down`
}

/** What schemathesis finds and why it is left: `accepted.json`, a pattern of `code operation` for each reason. */
function accepted(name: Subject['name']): { exclude: readonly string[]; examples: number; allowed: readonly RegExp[] } {
  const all = JSON.parse(readFileSync(join(import.meta.dirname, 'accepted.json'), 'utf8')) as Record<
    Subject['name'],
    {
      examples: number
      exclude: readonly { path: string; reason: string }[]
      findings: readonly { pattern: string; reason: string }[]
    }
  >
  const { examples, exclude, findings } = all[name]
  return { examples, exclude: exclude.map(({ path }) => path), allowed: findings.map(({ pattern }) => new RegExp(pattern)) }
}

async function must(program: string, words: readonly string[]): Promise<string> {
  const { code, output } = await run(program === 'node' ? process.execPath : program, words)
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${output.slice(-6_000)}`)
  return output
}

const COMMANDS: Readonly<Record<Subject['name'], readonly string[]>> = {
  nasty: ['packages/tools/cli/bin/dure.js', 'start', 'packages/protocols/rest/src/nasty.system.test-support.ts'],
  tasks: ['packages/tools/cli/bin/dure.js', 'start', 'packages/protocols/rest/src/tasks.system.test-support.ts'],
  marketplace: ['examples/marketplace/main.ts', '--products', '20', '--customers', '10', '--durability', 'process'],
}

/** Starts a system, hands it to the work and stops it. */
export async function withSubject<T>(name: Subject['name'], work: (subject: Subject) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), `dure-judges-${name}-`))
  const child = spawn(
    process.execPath,
    ['--conditions=dure-source', ...COMMANDS[name], '--port', '0', '--data', join(folder, 'data')],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const ended = new Promise((resolve) => child.once('close', resolve))
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let said = ''
      const listen = (text: string): void => {
        said += text
        const found = /"Ready"|curl -s/.test(said) ? /http:\/\/127\.0\.0\.1:\d+(?![\d/])/.exec(said) : null
        if (found !== null) resolve(found[0])
      }
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', listen)
      void ended.then(() => reject(new Error(`The ${name} system ended: ${said}`)))
    })
    const document = join(folder, 'openapi.json')
    writeFileSync(document, JSON.stringify(await (await fetch(`${url}/openapi.json`)).json(), undefined, 2))
    return await work({ name, url, folder, document })
  } finally {
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
}
