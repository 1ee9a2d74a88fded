/** Answers of a configuration server, and whether two servers mean the same with them. */
import { request } from 'node:http'
import { parse } from 'yaml'
import { DIFFERENCES, REQUESTS } from './spring-repository.test-support.ts'

export type Answer = {
  readonly path: string
  readonly accept: string
  readonly status: number
  readonly type: string
  readonly text: string
}

const PLAIN = 'application/json'
const ORIGINS = 'application/vnd.spring-cloud.config-server.v2+json'
const FILE = /\.(?:ya?ml|json|properties)(?:\?|$)/

/** Asks as it is written: `fetch` would mend paths before it asks. */
export function ask(url: string, path: string, accept: string = PLAIN): Promise<Answer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const asked = request({ host: hostname, port, path, headers: { accept }, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (more: string) => (text += more))
      response.on('end', () =>
        resolve({ path, accept, status: response.statusCode!, type: response.headers['content-type'] ?? '', text }),
      )
    })
    asked.once('error', reject).end()
  })
}

/** All that both are asked, of one of them; the place of its repository is written `REPOSITORY`. */
export async function recorded(url: string, repository: string, commit: string): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (const path of [...REQUESTS, ...DIFFERENCES.map((each) => each.path)])
    for (const accept of FILE.test(path) ? ['*/*'] : [PLAIN, ORIGINS]) {
      const answer = await ask(url, path.replace('COMMIT', commit), accept)
      answers.push({ ...answer, path, text: answer.status === 200 ? answer.text.replaceAll(repository, 'REPOSITORY') : '' })
    }
  return answers
}

/** What it means, whoever wrote it: names of documents, places of values and order inside of mappings are written in different ways. */
export function meaning({ path, status, text, type }: Answer): unknown {
  if (status !== 200) return { status }
  if (/\.ya?ml/.test(path)) return { status, value: yamlOf(text) }
  if (/\.json/.test(path)) return { status, value: withoutConditions(JSON.parse(text)) }
  // What is in no order is not compared by order; a document's own condition is none of its settings.
  if (/\.properties/.test(path)) return { status, value: text.split('\n').filter(isSetting).toSorted() }
  const { propertySources, ...rest } = JSON.parse(text) as {
    readonly propertySources: readonly { readonly name: string; readonly source: Readonly<Record<string, unknown>> }[]
  }
  const sources = propertySources.map(({ name, source }) => ({
    name: nameOf(name),
    source: Object.fromEntries(
      Object.entries(source)
        .filter(([key]) => isSetting(key))
        .map(([key, value]) => [key, placed(value)]),
    ),
  }))
  return { status, type: type.split(';')[0], ...rest, sources }
}

const isSetting = (line: string): boolean => !line.startsWith('spring.config.activate.on-profile')

/** Undefined where it does not read. */
function yamlOf(text: string): unknown {
  try {
    return withoutConditions(parse(text))
  } catch {
    return undefined
  }
}

function withoutConditions(value: unknown): unknown {
  const { spring, ...rest } = (value ?? {}) as { readonly spring?: { readonly config?: unknown } }
  const { config: _config, ...kept } = spring ?? {}
  return Object.keys(kept).length === 0 ? rest : { ...rest, spring: kept }
}

function nameOf(name: string): string {
  const [, file, number] = /Config resource 'file \[.*?\/?([^/[\]]+)' via location '' (\(document #\d+\))/.exec(name) ?? []
  return file === undefined ? name : `REPOSITORY/${file} ${number}`
}

/** Spring says the line and the column, we say the line; of a list and of lines that go on it is not always the same. */
function placed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { value: plain, origin } = value as { readonly value: unknown; readonly origin: string }
  return { value: plain, origin: /^\d+/.test(origin) }
}
