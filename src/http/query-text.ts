import { Transform } from 'class-transformer';

/** For a query parameter: "10" becomes 10. Anything else stays as it is, for the validators to refuse. */
export function IntegerText(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value,
  );
}

/** For a query parameter: "true" and "false" become booleans. Anything else stays as it is. */
export function FlagText(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    value === 'true' ? true : value === 'false' ? false : value,
  );
}
