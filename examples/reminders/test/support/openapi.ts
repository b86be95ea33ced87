import { Validator } from '@seriousme/openapi-schema-validator';

/** Returns what is wrong with an OpenAPI document, in words. */
export async function validate(document: object): Promise<readonly string[]> {
  const { valid, errors } = await new Validator().validate(structuredClone(document) as Record<string, unknown>);
  return valid ? [] : [JSON.stringify(errors)];
}
