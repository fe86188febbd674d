#!/usr/bin/env node
// Speaks with protoc (google/protobuf/compiler/plugin.proto): a request on stdin, the files on stdout.
import { buffer } from 'node:stream/consumers';
import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  CodeGeneratorResponse_Feature,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { generate } from './src/generate.mjs';
import { UsageError, parseParameter } from './src/parameter.mjs';

function respond({ parameter, protoFile, fileToGenerate }) {
  try {
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: protoFile }));
    return { file: generate(registry, fileToGenerate, parseParameter(parameter)) };
  } catch (error) {
    if (error instanceof UsageError) return { error: `protoc-gen-weir: ${error.message}` };
    throw error;
  }
}

if (process.stdin.isTTY) {
  console.error('protoc-gen-weir is run by protoc or buf: protoc --weir_out=src/gen proto/acme/v1/events.proto');
  process.exit(2);
}
const request = fromBinary(CodeGeneratorRequestSchema, await buffer(process.stdin));
const supportedFeatures = BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL);
const response = create(CodeGeneratorResponseSchema, { supportedFeatures, ...respond(request) });
process.stdout.write(toBinary(CodeGeneratorResponseSchema, response));
