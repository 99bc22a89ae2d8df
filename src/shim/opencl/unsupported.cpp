// Entry points of features that a virtual GPU does not offer, each with the error that the standard gives for a device
// without that feature: IL, built-in kernels, pipes, sub-groups, device-side queues, GL and EGL
// sharing. Device queries say that none of them is there (device_info.cpp).
#include <CL/cl_egl.h>
#include <CL/cl_ext.h>
#include <CL/cl_gl.h>

#include "shim/opencl/context.h"
#include "shim/opencl/device.h"
#include "shim/opencl/error.h"
#include "shim/opencl/kernel.h"
#include "shim/opencl/memory.h"
#include "shim/opencl/queue.h"

namespace sluice::opencl {
namespace {

// The error for a call on a valid object that its device cannot do, after the check of the object itself.
template <typename T>
cl_int refused(T* object, cl_int if_invalid, cl_int if_valid) {
  return checked(object) ? if_valid : if_invalid;
}

cl_int refused_on(cl_command_queue queue, cl_int error = CL_INVALID_OPERATION) {
  return refused(queue, CL_INVALID_COMMAND_QUEUE, error);
}

std::nullptr_t refused_in(cl_context context, cl_int error, cl_int* errcode_ret) {
  return failed(errcode_ret, refused(context, CL_INVALID_CONTEXT, error));
}

}  // namespace
}  // namespace sluice::opencl

using namespace sluice::opencl;

// ---- other sorts of programs (section 5.8.1) ----

cl_program clCreateProgramWithBuiltInKernels(cl_context context, cl_uint, const cl_device_id*, const char*,
                                             cl_int* errcode_ret) {
  return refused_in(context, CL_INVALID_VALUE, errcode_ret);
}

cl_program clCreateProgramWithIL(cl_context context, const void*, size_t, cl_int* errcode_ret) {
  return refused_in(context, CL_INVALID_OPERATION, errcode_ret);
}

cl_int clSetProgramSpecializationConstant(cl_program program, cl_uint, size_t, const void*) {
  return refused(program, CL_INVALID_PROGRAM, CL_INVALID_OPERATION);
}

cl_int clSetProgramReleaseCallback(cl_program program, void(CL_CALLBACK*)(cl_program, void*), void*) {
  return refused(program, CL_INVALID_PROGRAM, CL_INVALID_OPERATION);
}

// ---- pipes (section 5.4) ----

cl_mem clCreatePipe(cl_context context, cl_mem_flags, cl_uint, cl_uint, const cl_pipe_properties*,
                    cl_int* errcode_ret) {
  return refused_in(context, CL_INVALID_OPERATION, errcode_ret);
}

cl_int clGetPipeInfo(cl_mem, cl_pipe_info, size_t, void*, size_t*) { return CL_INVALID_MEM_OBJECT; }

// ---- sub-groups (section 5.9.4) and device-side queues (section 5.1) ----

cl_int clGetKernelSubGroupInfo(cl_kernel kernel, cl_device_id, cl_kernel_sub_group_info, size_t, const void*, size_t,
                               void*, size_t*) {
  return refused(kernel, CL_INVALID_KERNEL, CL_INVALID_OPERATION);
}

cl_int clGetKernelSubGroupInfoKHR(cl_kernel in_kernel, cl_device_id, cl_kernel_sub_group_info, size_t, const void*,
                                  size_t, void*, size_t*) {
  return refused(in_kernel, CL_INVALID_KERNEL, CL_INVALID_OPERATION);
}

cl_int clSetDefaultDeviceCommandQueue(cl_context context, cl_device_id, cl_command_queue) {
  return refused(context, CL_INVALID_CONTEXT, CL_INVALID_OPERATION);
}

// ---- GL and EGL sharing (cl_khr_gl_sharing and its like): no context here was created from a GL context ----

cl_mem clCreateFromGLBuffer(cl_context, cl_mem_flags, cl_GLuint, int* errcode_ret) {
  return failed(errcode_ret, CL_INVALID_CONTEXT);
}

cl_mem clCreateFromGLTexture(cl_context, cl_mem_flags, cl_GLenum, cl_GLint, cl_GLuint, cl_int* errcode_ret) {
  return failed(errcode_ret, CL_INVALID_CONTEXT);
}

cl_mem clCreateFromGLTexture2D(cl_context, cl_mem_flags, cl_GLenum, cl_GLint, cl_GLuint, cl_int* errcode_ret) {
  return failed(errcode_ret, CL_INVALID_CONTEXT);
}

cl_mem clCreateFromGLTexture3D(cl_context, cl_mem_flags, cl_GLenum, cl_GLint, cl_GLuint, cl_int* errcode_ret) {
  return failed(errcode_ret, CL_INVALID_CONTEXT);
}

cl_mem clCreateFromGLRenderbuffer(cl_context, cl_mem_flags, cl_GLuint, cl_int* errcode_ret) {
  return failed(errcode_ret, CL_INVALID_CONTEXT);
}

cl_int clGetGLObjectInfo(cl_mem memobj, cl_gl_object_type*, cl_GLuint*) {
  return refused(memobj, CL_INVALID_MEM_OBJECT, CL_INVALID_GL_OBJECT);
}

cl_int clGetGLTextureInfo(cl_mem memobj, cl_gl_texture_info, size_t, void*, size_t*) {
  return refused(memobj, CL_INVALID_MEM_OBJECT, CL_INVALID_GL_OBJECT);
}

cl_int clEnqueueAcquireGLObjects(cl_command_queue command_queue, cl_uint, const cl_mem*, cl_uint, const cl_event*,
                                 cl_event*) {
  return refused_on(command_queue, CL_INVALID_CONTEXT);
}

cl_int clEnqueueReleaseGLObjects(cl_command_queue command_queue, cl_uint, const cl_mem*, cl_uint, const cl_event*,
                                 cl_event*) {
  return refused_on(command_queue, CL_INVALID_CONTEXT);
}

cl_int clGetGLContextInfoKHR(const cl_context_properties*, cl_gl_context_info, size_t, void*, size_t*) {
  return CL_INVALID_OPERATION;
}

cl_event clCreateEventFromGLsyncKHR(cl_context, cl_GLsync, cl_int* errcode_ret) {
  return failed(errcode_ret, CL_INVALID_CONTEXT);
}

cl_mem clCreateFromEGLImageKHR(cl_context context, CLeglDisplayKHR, CLeglImageKHR, cl_mem_flags,
                               const cl_egl_image_properties_khr*, cl_int* errcode_ret) {
  return refused_in(context, CL_INVALID_OPERATION, errcode_ret);
}

cl_int clEnqueueAcquireEGLObjectsKHR(cl_command_queue command_queue, cl_uint, const cl_mem*, cl_uint, const cl_event*,
                                     cl_event*) {
  return refused_on(command_queue);
}

cl_int clEnqueueReleaseEGLObjectsKHR(cl_command_queue command_queue, cl_uint, const cl_mem*, cl_uint, const cl_event*,
                                     cl_event*) {
  return refused_on(command_queue);
}

cl_event clCreateEventFromEGLSyncKHR(cl_context context, CLeglSyncKHR, CLeglDisplayKHR, cl_int* errcode_ret) {
  return refused_in(context, CL_INVALID_OPERATION, errcode_ret);
}
