/** What others have for the same: each as it is installed, on its defaults but for one core. */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@dure/testing/servers'
import { MEASURED, theirs, type Program } from '../gateway/processes.ts'
import { installOnce } from '../peers.ts'

const HERE = import.meta.dirname
/** What npm does not bring; taken away with what it brings. */
const INSTALLED = join(HERE, 'node_modules', '.peers')

export type Other = {
  readonly program: Program
  /** Where it takes `_bulk`. */
  readonly bulk: string
  /** Asked once all was sent: from then on all of it is found. */
  readonly settle: string
  /** How many lines it finds. */
  readonly count: () => Promise<number>
}

type Start = (folder: string, progress: (line: string) => void) => Promise<Other | undefined>

/** Those that can be started here; of the others it is said what they take. */
export const others: Readonly<Record<string, { readonly start: Start; readonly missing: string }>> = {
  victorialogs: { start: victoriaLogs, missing: 'it takes Go, and its module proxy' },
  opensearch: { start: openSearch, missing: 'it takes a JDK 11 or newer, and Maven' },
}

async function victoriaLogs(folder: string, progress: (line: string) => void): Promise<Other | undefined> {
  const bin = join(INSTALLED, 'victorialogs')
  const module = readFileSync(join(HERE, 'peers/victorialogs.txt'), 'utf8').trim()
  if (!installOnce(bin, progress, () => [['env', `GOBIN=${bin}`, 'go', 'install', module]])) return undefined
  const port = await freePort()
  const words = [`-storageDataPath=${folder}`, `-httpListenAddr=127.0.0.1:${port}`, '-loggerLevel=ERROR']
  const program = await theirs([join(bin, 'victoria-logs'), ...words], { port, core: MEASURED, ready: '/health' })
  const count = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${port}/select/logsql/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: '* | stats count() lines' }),
    })
    return Number(((await answer.json()) as { readonly lines: string }).lines)
  }
  const fields = '_msg_field=message&_time_field=@timestamp&_stream_fields=service'
  return program && { program, count, bulk: `/insert/elasticsearch/_bulk?${fields}`, settle: '/internal/force_flush' }
}

async function openSearch(folder: string, progress: (line: string) => void): Promise<Other | undefined> {
  const project = join(INSTALLED, 'opensearch')
  const [pom, lib, classes] = ['pom.xml', 'lib', 'classes'].map((name) => join(project, name)) as [string, string, string]
  const installed = installOnce(project, progress, () => {
    mkdirSync(classes)
    copyFileSync(join(HERE, 'peers/opensearch/pom.xml'), pom)
    const copy = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
    return [
      ['mvn', '--quiet', '--batch-mode', '--file', pom, copy, `-DoutputDirectory=${lib}`],
      ['javac', '-cp', join(lib, '*'), '-d', classes, join(HERE, 'peers/opensearch/Server.java')],
    ]
  })
  if (!installed) return undefined
  const port = await freePort()
  const words = [
    '-Xms1g',
    '-Xmx1g',
    `-Djava.io.tmpdir=${folder}`,
    '-cp',
    `${classes}:${join(lib, '*')}`,
    'Server',
    folder,
    String(port),
  ]
  const program = await theirs(['java', ...words], { port, core: MEASURED, ready: '/_cluster/health' })
  const count = async (): Promise<number> =>
    ((await (await fetch(`http://127.0.0.1:${port}/logs/_count`)).json()) as { readonly count: number }).count
  return program && { program, count, bulk: '/logs/_bulk', settle: '/logs/_refresh' }
}
