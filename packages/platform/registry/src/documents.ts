/** What the registry answers, in JSON or XML; the text of all instances is made once for each change. */
import { instanceJson, xmlOf } from './instance.ts'
import type { Change } from './changes.ts'
import { jsonOf, type Lease } from './lease.ts'
import type { Book } from './leases.ts'

export type Format = 'json' | 'xml'

export type Documents = {
  readonly all: (format: Format) => string
  readonly some: (format: Format, leases: readonly Lease[]) => string
  readonly delta: (format: Format, changes: readonly Change[]) => string
  readonly app: (format: Format, name: string, leases: readonly Lease[]) => string
  readonly one: (format: Format, lease: Lease) => string
}

export function createDocuments(book: Book): Documents {
  const made = new Map<Format, { readonly revision: number; readonly text: string }>()

  const applications = (format: Format, leases: Iterable<Lease>, version: string, hash: string): string => {
    const apps = [...Map.groupBy(leases, ({ instance }) => instance.app)]
    if (format === 'json') {
      const each = apps.map(([name, ofApp]) => `{"name":${JSON.stringify(name)},"instance":[${ofApp.map(jsonOf).join(',')}]}`)
      return `{"applications":{"versions__delta":"${version}","apps__hashcode":"${hash}","application":[${each.join(',')}]}}`
    }
    const each = apps.map(([name, ofApp]) => appXml(name, ofApp)).join('')
    return `${XML}<applications><versions__delta>${version}</versions__delta><apps__hashcode>${hash}</apps__hashcode>${each}</applications>`
  }

  return {
    all: (format) => {
      const revision = book.revision()
      const known = made.get(format)
      if (known?.revision === revision) return known.text
      const text = applications(format, book.all(), '1', book.hash())
      made.set(format, { revision, text })
      return text
    },
    // Of a part nobody computes a hash.
    some: (format, leases) => applications(format, leases, '-1', ''),
    delta: (format, changes) =>
      applications(
        format,
        changes.map(({ lease }) => lease),
        String(book.revision()),
        book.hash(),
      ),
    app: (format, name, leases) =>
      format === 'json'
        ? `{"application":{"name":${JSON.stringify(name)},"instance":[${leases.map(jsonOf).join(',')}]}}`
        : `${XML}${appXml(name, leases)}`,
    one: (format, lease) => (format === 'json' ? `{"instance":${jsonOf(lease)}}` : `${XML}${instanceXml(lease)}`),
  }
}

const XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
const instanceXml = ({ instance, record }: Lease): string => xmlOf('instance', instanceJson(instance, record))
const appXml = (name: string, leases: readonly Lease[]): string =>
  `<application>${xmlOf('name', name)}${leases.map(instanceXml).join('')}</application>`
