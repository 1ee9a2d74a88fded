/** What Dure's own rooms and packages share of `contract`, and no promise to anybody else. */
export { outward, throwInside } from './errors.ts'
export { SystemError } from './system-error.ts'
export { decoderOf, hasOneShape, type Decoder } from './decode.ts'
export { describeThrown, isInstance, partOf, type Thrown } from './thrown.ts'
export { copyName, serviceOfCopy } from './copy-name.ts'
export { MESSAGE_LIMITS, wrongDelay, wrongOf, wrongText } from './message-limits.ts'
export { attributesFrom, attributesText, headerSize, topicOf, type MessageAttributes } from './message-attributes.ts'
export { baggageOf, METADATA_LIMITS, metadataFromBaggage, NO_METADATA, wrongMetadata } from './metadata.ts'
export {
  copyPrincipal,
  initiatorOf,
  isOwnPrincipal,
  OPERATE,
  OWN_PROCESS,
  PRINCIPAL_LIMITS,
  servicePrincipal,
  wrongPrincipal,
} from './principal.ts'
export { lacking, needsPrincipal } from './access.ts'
export { wireOf } from './wire.ts'
export type { Wire } from './wire.ts'
export { fieldsOf } from './fields.ts'
export type { Field } from './fields.ts'
export { shown } from './json-schema.ts'
export { isSchema, resolve } from './keywords.ts'
export { parserOf } from './parse.ts'
export type { Parsed, Parser } from './parse.ts'
export type { Outcome } from './outcome.ts'
export { REFUSALS, type RefusalCode } from './refusals.ts'
export { withoutPrivate } from './hidden-error.ts'
export { hiddenText, privateFieldsOf, withoutValues, type Found, type PrivateFields, type Privacy } from './private.ts'
export { routesOf, type Route } from './route.ts'
export { isWithin } from './bounds.ts'
export type { ArrayVariant, ObjectVariant, Type, Variant } from './type.ts'
export { typeOf } from './type-of.ts'
export { sampleFor } from './sample.ts'
export {
  typeReader,
  typesOf,
  type NamedField,
  type NamedType,
  type OperationTypes,
  type Scalar,
  type TypeRef,
  type TypeTable,
  type UnionMember,
} from './types-of.ts'
export { memberFinder } from './members.ts'
export { identifiersFor } from './identifiers.ts'
export { bigintFromText, shortText } from './text.ts'
export { objectMaker, propertyText } from './object-maker.ts'
export { setKey } from './unknown.ts'
export { pascal } from './components.ts'
export { drawNumbers, errorsOf, numbersOf, retiredOf } from './numbers.ts'
export { unknownFromJson, unknownToJson } from './tagged.ts'
export { compareDocuments, misreadings } from './compat.ts'
export { eventDocument } from './event-document.ts'
