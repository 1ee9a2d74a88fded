/** What the registry refuses: a code and a text as Confluent's registry has them, so that its clients know what they mean. */
export class SchemaFault extends Error {
  override readonly name = 'SchemaFault'
  /** Confluent's: an HTTP status, and two digits more where one status means several things. */
  readonly code: number

  constructor(code: number, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }

  get status(): number {
    return this.code > 999 ? Math.floor(this.code / 100) : this.code
  }
}

const permanently = 'set permanent=true to delete it permanently'

type Fault<Args extends readonly unknown[]> = (...args: Args) => SchemaFault

export const faults: {
  readonly noSubject: Fault<[subject: string]>
  readonly noVersion: Fault<[version: number | string]>
  readonly noSchema: Fault<[id?: number]>
  readonly subjectDeleted: Fault<[subject: string]>
  readonly subjectNotDeleted: Fault<[subject: string]>
  readonly versionDeleted: Fault<[subject: string, version: number]>
  readonly versionNotDeleted: Fault<[subject: string, version: number]>
  readonly noLevel: Fault<[subject: string]>
  readonly incompatible: Fault<[reasons: readonly string[]]>
  readonly invalidSchema: Fault<[why: string]>
  readonly invalidVersion: Fault<[version: string]>
  readonly invalidLevel: Fault<[]>
  readonly invalidSubject: Fault<[subject: string]>
  readonly malformed: Fault<[why: string]>
} = {
  noSubject: (subject: string) => new SchemaFault(40401, `Subject '${subject}' not found.`),
  noVersion: (version: number | string) => new SchemaFault(40402, `Version ${version} not found.`),
  noSchema: (id?: number) => new SchemaFault(40403, id === undefined ? 'Schema not found' : `Schema ${id} not found`),
  subjectDeleted: (subject: string) => new SchemaFault(40404, `Subject '${subject}' was soft deleted; ${permanently}`),
  subjectNotDeleted: (subject: string) =>
    new SchemaFault(40405, `Subject '${subject}' was not deleted first before being permanently deleted`),
  versionDeleted: (subject: string, version: number) =>
    new SchemaFault(40406, `Subject '${subject}' Version ${version} was soft deleted; ${permanently}`),
  versionNotDeleted: (subject: string, version: number) =>
    new SchemaFault(40407, `Subject '${subject}' Version ${version} was not deleted first before being permanently deleted`),
  noLevel: (subject: string) =>
    new SchemaFault(40408, `Subject '${subject}' does not have subject-level compatibility configured`),
  incompatible: (reasons: readonly string[]) =>
    new SchemaFault(409, `Schema being registered is incompatible with an earlier schema: ${reasons.join('; ')}`),
  invalidSchema: (why: string) => new SchemaFault(42201, `Invalid schema: ${why}`),
  invalidVersion: (version: string) =>
    new SchemaFault(
      42202,
      `The specified version '${version}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`,
    ),
  invalidLevel: () =>
    new SchemaFault(
      42203,
      'Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive',
    ),
  invalidSubject: (subject: string) =>
    new SchemaFault(
      42208,
      `The specified subject '${subject.slice(0, 80)}' is not valid: 1 to 255 characters that can be printed`,
    ),
  malformed: (why: string) => new SchemaFault(400, `Cannot read the request: ${why}`),
}
