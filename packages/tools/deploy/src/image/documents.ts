import { createHash } from 'node:crypto'
import type { Base } from './base.ts'
import type { LockedPackage } from './packages.ts'

/** What an image is made from, as far as it is known. */
export type Origin = {
  readonly name: string
  readonly version?: string | undefined
  /** The commit. */
  readonly revision?: string | undefined
  /** The repository's address. */
  readonly source?: string | undefined
}

const BUILD_TYPE = 'https://github.com/dure-platform/dure/blob/main/docs/guides/images.md'
const LINKED = 'dure:workspace'

/**
 * The parts of an image: CycloneDX 1.6, from the lock file and the base. It has no serial number and no time of its own, so that the same
 * image has the same list.
 */
export function partsOf(
  { name, version }: Origin,
  base: Base,
  packages: readonly LockedPackage[],
  direct: readonly string[],
): unknown {
  const refOf = (one: LockedPackage): string => one.path
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', 'bom-ref': 'application', name, ...(version !== undefined && { version }) } },
    components: [
      { type: 'platform', 'bom-ref': 'node', name: 'node', version: base.node.version.replace(/^v/, ''), purl: nodeUrl(base) },
      ...base.libraries.map(({ name, digest }) => ({
        ...{ type: 'library', 'bom-ref': `base/${name}`, name },
        hashes: [{ alg: 'SHA-256', content: digest.replace('sha256:', '') }],
      })),
      ...packages.map((one) => ({
        ...{ type: 'library', 'bom-ref': refOf(one), ...groupOf(one.name), version: one.version, purl: packageUrl(one) },
        ...(one.integrity !== undefined && { hashes: hashesOf(one.integrity) }),
        ...(one.license !== undefined && { licenses: [licenseOf(one.license)] }),
        ...(one.linked !== undefined && { properties: [{ name: LINKED, value: one.linked }] }),
      })),
    ],
    dependencies: [
      { ref: 'application', dependsOn: ['node', ...direct] },
      { ref: 'node', dependsOn: base.libraries.map(({ name }) => `base/${name}`) },
      ...packages.map((one) => ({ ref: refOf(one), dependsOn: one.needs })),
    ],
  }
}

/** How an image came to be: an in-toto statement with a predicate of SLSA 1.0. Who built it, and when, would have to be signed to mean something. */
export function provenanceOf(
  origin: Origin,
  image: { readonly digest: string },
  how: { readonly program: readonly string[]; readonly node: string; readonly lock: string; readonly builder: string },
): unknown {
  const { name, revision, source } = origin
  const commit = revision === undefined ? undefined : /^[0-9a-f]{40,64}/.exec(revision)?.[0]
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: { sha256: image.digest.replace('sha256:', '') } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: { program: how.program, ...(revision !== undefined && { revision }) },
        internalParameters: { node: how.node },
        resolvedDependencies: [
          ...(commit === undefined
            ? []
            : [{ ...(source !== undefined && { uri: source }), name: 'source', digest: { gitCommit: commit } }]),
          { name: 'package-lock.json', digest: { sha256: how.lock } },
        ],
      },
      runDetails: { builder: { id: `pkg:npm/%40dure/deploy@${how.builder}` } },
    },
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

const nodeUrl = ({ node, platform }: Base): string =>
  `pkg:generic/node@${node.version.replace(/^v/, '')}?arch=${platform.architecture}`

function groupOf(name: string): { readonly group?: string; readonly name: string } {
  const [, group, rest] = /^(@[^/]+)\/(.+)$/.exec(name) ?? []
  return group === undefined || rest === undefined ? { name } : { group, name: rest }
}

const packageUrl = ({ name, version }: LockedPackage): string =>
  `pkg:npm/${name.replace(/^@/, '%40')}@${encodeURIComponent(version)}`

/** npm says them as base64 of one or several algorithms; CycloneDX wants hex. */
function hashesOf(integrity: string): readonly { readonly alg: string; readonly content: string }[] {
  return integrity.split(/\s+/).flatMap((one) => {
    const [, bits, text] = /^sha(1|256|384|512)-(.+)$/.exec(one) ?? []
    return bits === undefined || text === undefined
      ? []
      : [{ alg: `SHA-${bits}`, content: Buffer.from(text, 'base64').toString('hex') }]
  })
}

const licenseOf = (text: string): unknown => (/ (?:OR|AND|WITH) /.test(text) ? { expression: text } : { license: { name: text } })
